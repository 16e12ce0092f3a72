"""What one provider's answers look like in bytes, good ones and errors."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
import orjson

from domain.model.errors import ErrorReason

PIECES = ("Fair winds ", "and following ", "seas.")
TEXT = "".join(PIECES)
"""What every good answer says, in pieces where it is streamed."""
COUNTED = (11, 5)
Counted: TypeAlias = tuple[int, int] | None
"""Tokens in and out; ``None``: the answer does not say."""


@attrs.frozen(kw_only=True)
class ErrorAnswer:
    """An error as the provider itself would put it."""

    status: int
    body: bytes


@attrs.frozen(kw_only=True)
class Format:
    """One provider's.

    Attributes:
        kind: Of the settings.
        base: Path of its base address.
        whole: Gives the body of a whole answer.
        opening: Events of a stream before its content.
        content: One event for each of `PIECES`.
        closing: Gives the events after the content.
        end: What marks the end; empty: nothing but the end of the body.
        errors: How the provider says what went wrong.
        in_answer: An error (it is overloaded) inside a good answer, as the body of a whole one.
        in_stream: The same as an event.
        comment: What keeps a stream alive and means nothing.
    """

    kind: str
    model: str
    base: str
    whole: Callable[[Counted], bytes]
    opening: tuple[bytes, ...] = ()
    content: tuple[bytes, ...]
    closing: Callable[[Counted], tuple[bytes, ...]]
    end: bytes
    errors: Mapping[ErrorReason, ErrorAnswer]
    in_answer: bytes
    in_stream: bytes
    comment: bytes = b": ping\n\n"

    def stream(self, counted: Counted = COUNTED) -> bytes:
        """Return the body of a whole stream."""
        return b"".join((*self.opening, *self.content, *self.closing(counted), self.end))


def json(value: Any) -> bytes:
    """Return `value` as JSON."""
    return orjson.dumps(value)


def event(value: Any, name: str = "") -> bytes:
    """Return `value` as a server-sent event."""
    named = b"event: %b\n" % name.encode() if name else b""
    return b"%bdata: %b\n\n" % (named, orjson.dumps(value))
