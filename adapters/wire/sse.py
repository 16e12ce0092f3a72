"""Server-sent events, sans I/O.

Laws: where the bytes are cut does not matter; the cost is linear in the bytes, however small the
pieces; an event's data stays bytes, for the JSON parser to read; nothing that is kept grows without
bound.

Two departures from the specification, both of them needed for real providers: lines that are no field
of the format are kept, because some write an error between the events as bare JSON; and an event that
the end of the body leaves without its blank line counts.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from collections.abc import Iterator
from typing import NamedTuple

import attrs

from adapters.wire.failures import protocol_error

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Longest line, and longest `data` lines of one event together. Pictures come in events of some MiB."""
MAX_STRAY_BYTES = 64 * 1024
"""How much is kept of what is no event."""
_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One dispatched event; a tuple because one is made for every chunk of every stream.

    Attributes:
        data: Lines joined with a line feed; not yet known to be valid UTF-8.
    """

    data: bytes
    name: str = "message"


@attrs.define
class SseParser:
    """Turns bytes, cut anywhere, into events.

    Attributes:
        max_event_bytes: Longest line, and longest ``data`` lines of one event together.
    """

    max_event_bytes: int = MAX_EVENT_BYTES
    _begun: bool = False
    _after_cr: bool = False
    _held: list[bytes] = attrs.field(factory=list)
    _held_bytes: int = 0
    _data: list[bytes] = attrs.field(factory=list)
    _data_bytes: int = 0
    _name: str = "message"
    _stray: list[bytes] = attrs.field(factory=list)
    _stray_bytes: int = 0

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """Give the events that `chunk` completes; read them all before the next `feed`.

        Raises:
            ProviderFailure: A line or an event is too long. The events before it have been given.
        """
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_line_feeds(chunk)
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines:
            if self._held:
                self._held.append(lines[0])
                lines[0] = b"".join(self._held)
                self._held.clear()
                self._held_bytes = 0
            if not self._begun:
                self._begun = True
                lines[0] = lines[0].removeprefix(_BOM)
            # One loop without calls for the usual line: this runs twice for every chunk of every stream.
            data, limit = self._data, self.max_event_bytes
            for line in lines:
                if line[:5] == b"data:":
                    value = line[6:] if line[5:6] == b" " else line[5:]
                    self._data_bytes += len(line)
                    if self._data_bytes > limit:
                        raise self._too_long()
                    data.append(value)
                elif line:
                    self._other(line)
                else:
                    if data:
                        said = data[0] if len(data) == 1 else b"\n".join(data)
                        # As its class does it, which takes a call of a function more.
                        yield tuple.__new__(ServerSentEvent, (said, self._name))
                        data.clear()
                        self._data_bytes = 0
                    self._name = "message"
        if rest:
            self._held.append(rest)
            self._held_bytes += len(rest)
            if self._held_bytes > self.max_event_bytes:
                raise self._too_long()

    def end(self) -> Iterator[ServerSentEvent]:
        """Give the event that the end of the body leaves without its blank line, if there is one."""
        return self.feed(b"\n\n")

    @property
    def stray(self) -> bytes:
        """Whole lines so far that are no field of the format; the first `MAX_STRAY_BYTES` of them."""
        return b"\n".join(self._stray)

    def _other(self, line: bytes) -> None:
        if len(line) > self.max_event_bytes:
            raise self._too_long()
        field, _, value = line.partition(b":")
        if field == b"event":
            self._name = value.removeprefix(b" ").decode(errors="replace") or "message"
        elif field == b"data":
            self._data.append(b"")
        elif field not in _IGNORED and self._stray_bytes < MAX_STRAY_BYTES:
            line = line[: MAX_STRAY_BYTES - self._stray_bytes]
            self._stray.append(line)
            self._stray_bytes += len(line) + 1

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return `chunk` with every kind of line end as a line feed."""
        if self._after_cr and chunk.startswith(b"\n"):
            # The second half of a line end whose first half has counted already.
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _too_long(self) -> Exception:
        return protocol_error(f"an event is longer than {self.max_event_bytes} bytes")


# A comment has an empty field name.
_IGNORED = frozenset({b"", b"id", b"retry"})
