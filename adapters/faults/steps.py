"""What a scripted provider does on a connection, step by step, and how HTTP frames what it says.

Law: pauses are shares of the caller's patience, so that the same script fits a real clock and a mocked one.
"""

import math
from typing import TypeAlias

import attrs

FOREVER = math.inf


@attrs.frozen
class Send:
    """Send bytes."""

    data: bytes = attrs.field(repr=False)


@attrs.frozen
class Wait:
    """Say nothing.

    Attributes:
        share: Of the caller's patience; `FOREVER`: until the other side closes.
    """

    share: float = FOREVER


@attrs.frozen
class Endless:
    """Send the same bytes again and again, until the other side closes.

    Attributes:
        share: Pause after each, of the caller's patience.
    """

    data: bytes = attrs.field(repr=False)
    share: float = 0.0


@attrs.frozen
class Close:
    """Close the connection."""


Step: TypeAlias = Send | Wait | Endless | Close
Play: TypeAlias = tuple[Step, ...]
"""What answers one request. Where it does not end with the connection, the next request may come on it."""

JSON = "application/json"
EVENTS = "text/event-stream"
LAST = b"0\r\n\r\n"
"""The end of a chunked body."""


def head(status: int = 200, content_type: str = EVENTS, **headers: str) -> bytes:
    """Return a head; underscores in names of headers become hyphens."""
    lines = [f"HTTP/1.1 {status} ", f"content-type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def sized(body: bytes, status: int = 200, content_type: str = JSON, **headers: str) -> Send:
    """Return an answer that says how long it is."""
    return Send(head(status, content_type, content_length=str(len(body)), **headers) + body)


def chunked(*parts: bytes, content_type: str = EVENTS) -> tuple[Send, ...]:
    """Return the beginning of a body in chunks; it has no end yet, since an empty chunk would be one."""
    begun = Send(head(content_type=content_type, transfer_encoding="chunked"))
    return (begun, *(Send(chunk(part)) for part in parts if part))


def chunk(data: bytes) -> bytes:
    """Return `data` as one chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
