"""Frames as they come in, before an engine sees them: cut whole, and counted.

Law: what costs us more than it costs the peer is counted, the same for every engine. A reset is paid for by
calls that were answered; the other control frames (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, those nobody
knows, empty DATA) by the bytes we have written, because a client that reads sends them in proportion to what
it reads. Beyond that there is a burst and a rate. Source: RFC 9113, 4.1 and 10.5
"""

import struct

import attrs

from entrypoints.grpc.transport.allowance import UNLIMITED, Allowance, Rate

PREFACE_SIZE = 24
FRAME_HEAD = struct.Struct(">IBI")  # length and type, flags, stream
FRAME_HEAD_SIZE = FRAME_HEAD.size
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0x0, 0x1, 0x3, 0x4, 0x6, 0x9
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8

MAX_CONTINUATIONS = 8
"""Of one block of headers: at 16 KiB a frame, twice what a header list may have with its slack."""

# The smallest answer of ours to which a client may send a WINDOW_UPDATE for the stream and one for the
# connection is a DATA frame with one byte.
_BYTES_PER_FRAME = 4
# Our own answers to them must not pay for more of them.
_ANSWER_SIZE = {PING: 17, SETTINGS: 9}
_RESET_SIZE = 13


@attrs.define
class FrameMeter:
    """Cuts and counts one peer's frames.

    Attributes:
        flood: What the peer sent too much of; empty while all is well.
        greeted: Whether the peer's first SETTINGS have come.
        answered: Calls that were answered, at least in part, since resets were last counted: to reset one of
            these would be no attack.
    """

    _max_frame: int
    _resets: Allowance
    _control: Allowance
    _preface_left: int
    flood: str = ""
    greeted: bool = False
    answered: int = 0
    _continuations: int = 0
    _refusals: int = 0
    _part: bytes = b""

    @classmethod
    def of_client(cls, max_frame: int, resets: Rate, control: Rate) -> "FrameMeter":
        """Count what a client sends to us."""
        return cls(max_frame, Allowance(resets), Allowance(control), PREFACE_SIZE)

    @classmethod
    def of_server(cls, max_frame: int) -> "FrameMeter":
        """Cut only: we have chosen that server."""
        return cls(max_frame, Allowance(UNLIMITED), Allowance(UNLIMITED), 0)

    def wrote(self, size: int) -> None:
        """Know that `size` bytes were written to the peer."""
        if self._refusals:
            answers = min(self._refusals, size)
            self._refusals -= answers
            size -= answers
        self._control.earn(size / _BYTES_PER_FRAME)

    def refused(self, now_s: float) -> None:
        """Count a stream above the limit, which is about to be reset."""
        self._refusals += _RESET_SIZE
        self._spend(self._control, 1.0, "streams above the limit", now_s)

    def whole(self, data: bytes, now_s: float) -> bytes:
        """Return `data` up to the end of its last whole frame, and keep the rest.

        Where `flood` is set afterwards, nothing of it should be looked at.
        """
        start = 0
        if self._preface_left:
            start = min(self._preface_left, len(data))
            self._preface_left -= start
        elif self._part:
            data = self._part + data
        total = len(data)
        end = start
        while end + FRAME_HEAD_SIZE <= total:
            head, flags, _ = FRAME_HEAD.unpack_from(data, end)
            size = head >> 8
            if size > self._max_frame:
                # An engine refuses it as soon as it sees it.
                end = total
            elif end + FRAME_HEAD_SIZE + size > total:
                break
            else:
                kind = head & 0xFF
                if kind > HEADERS:
                    self._count(kind, flags, now_s)
                elif (
                    (size == 0 or flags & PADDED)
                    and kind == DATA
                    and not flags & END_STREAM
                    # How much of it is padding is said by its first byte.
                    and (size == 0 or data[end + FRAME_HEAD_SIZE] + 1 >= size)
                ):
                    self._spend(self._control, 1.0, "empty DATA frames", now_s)
                end += FRAME_HEAD_SIZE + size
        if end == total:
            self._part = b""
            return data
        self._part = data[end:]
        return data[:end]

    def _count(self, kind: int, flags: int, now_s: float) -> None:
        if kind == RST_STREAM:
            self._resets.earn(self.answered)
            self.answered = 0
            self._spend(self._resets, 1.0, "resets", now_s)
            return
        if kind == CONTINUATION:
            self._continuations = 0 if flags & END_HEADERS else self._continuations + 1
            if self._continuations > MAX_CONTINUATIONS:
                self.flood = "CONTINUATION frames"
        answer = 0
        if kind in _ANSWER_SIZE and not flags & ACK:
            answer = _ANSWER_SIZE[kind]
            self.greeted = self.greeted or kind == SETTINGS
        self._spend(self._control, 1.0 + answer / _BYTES_PER_FRAME, "control frames", now_s)

    def _spend(self, allowance: Allowance, amount: float, what: str, now_s: float) -> None:
        if not allowance.spend(amount, now_s):
            self.flood = f"too many {what}"
