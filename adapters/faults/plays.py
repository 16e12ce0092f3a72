"""What each fault looks like on the wire, streamed and whole, made of any format.

Law: a fault is one thing that goes wrong in an answer that is else as good as the format's good one.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from adapters.faults.format import COUNTED, Counted, Format
from adapters.faults.steps import (
    JSON,
    LAST,
    Close,
    Endless,
    Play,
    Send,
    Wait,
    chunk,
    chunked,
    head,
    sized,
)
from domain.model.errors import ErrorReason

Played: TypeAlias = Callable[[Format], Play]
_PAGE = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"
_NOISE = bytes(range(128, 256)) * 4
_FLOOD = b"x" * 64 * 1024
_NO_BODY = b""


@attrs.frozen
class Shape:
    """One fault in both deliveries; ``None``: it cannot happen there."""

    streamed: Played | None
    whole: Played | None


def _both(played: Played) -> Shape:
    return Shape(played, played)


def _status(status: int, reason: ErrorReason, **headers: str) -> Shape:
    """Return an error with `status` that says `reason` in the provider's own words."""
    return _both(lambda format_: (sized(format_.errors[reason].body, status, **headers),))


def _own(reason: ErrorReason) -> Shape:
    """Return an error with the status that the provider itself gives it."""
    return _both(
        lambda format_: (sized(format_.errors[reason].body, format_.errors[reason].status),)
    )


def _plain(body: bytes, status: int = 200, content_type: str = "text/html") -> Shape:
    return _both(lambda _: (sized(body, status, content_type),))


def _streamed(*rest: bytes, counted: Counted = COUNTED) -> Played:
    """Return a good stream with `rest` behind it."""
    return lambda format_: (*chunked(format_.stream(counted), *rest), Send(LAST))


def _begun(format_: Format, *more: bytes) -> tuple[Send, ...]:
    """Return a stream up to the middle of its content, and `more`."""
    return chunked(*format_.opening, *format_.content[:2], *more)


def _half(format_: Format) -> tuple[Send, ...]:
    """Return half a whole answer that says how long it is."""
    body = format_.whole(COUNTED)
    return (Send(head(content_type=JSON, content_length=str(len(body))) + body[: len(body) // 2]),)


def _unended(format_: Format) -> tuple[Send, ...]:
    """Return all of a whole answer but the sign that it ends."""
    return chunked(format_.whole(COUNTED), content_type=JSON)


def _cut_event(format_: Format) -> bytes:
    last = format_.content[-1]
    return last[: len(last) // 2]


def _slowly(format_: Format) -> Play:
    parts = (*format_.opening, *format_.content, *format_.closing(COUNTED), format_.end)
    steps = [(Wait(0.3), Send(chunk(part))) for part in parts if part]
    return (*chunked(), *(step for pair in steps for step in pair), Send(LAST))


SHAPES: Mapping[str, Shape] = {
    "healthy": Shape(_streamed(), lambda f: (sized(f.whole(COUNTED)),)),
    # What the provider says with a status.
    "status_429": _status(429, ErrorReason.PROVIDER_RATE_LIMITED),
    "status_429_retry_after": _status(429, ErrorReason.PROVIDER_RATE_LIMITED, retry_after="1"),
    "status_529": _status(529, ErrorReason.PROVIDER_OVERLOADED),
    "status_500": _status(500, ErrorReason.PROVIDER_SERVER_ERROR),
    "status_502_page": _plain(_PAGE, 502),
    "status_503": _status(503, ErrorReason.PROVIDER_OVERLOADED),
    "status_503_empty": _plain(_NO_BODY, 503),
    "status_401": _status(401, ErrorReason.PROVIDER_AUTH_FAILED),
    "status_402": _status(402, ErrorReason.PROVIDER_BILLING),
    "quota_used_up": _own(ErrorReason.PROVIDER_BILLING),
    "status_400": _status(400, ErrorReason.PROVIDER_REJECTED_REQUEST),
    "model_unknown": _own(ErrorReason.CALLER_MODEL_UNKNOWN),
    "status_404_empty": _plain(_NO_BODY, 404),
    "status_404_page": _plain(_PAGE, 404),
    "redirect": _both(
        lambda _: (Send(head(302, location="http://127.0.0.1/", content_length="0")),)
    ),
    "error_body_without_end": _both(lambda _: (Send(head(500, JSON, content_length="9")), Wait())),
    # The connection.
    "refused": _both(lambda _: (Close(),)),
    "closed_without_answer": _both(lambda _: (Close(),)),
    "no_http": _both(lambda _: (Send(_NOISE), Close())),
    "head_without_end": _both(lambda _: (Send(b"HTTP/1.1 200 \r\n"), Endless(b"x: y\r\n" * 4096))),
    # Silence.
    "silent": _both(lambda _: (Wait(),)),
    "silent_after_head": Shape(
        lambda f: (*chunked(*f.opening), Wait()),
        lambda _: (Send(head(content_type=JSON, content_length="9")), Wait()),
    ),
    "only_comments": Shape(
        lambda f: (*chunked(*f.opening), Endless(chunk(f.comment), 0.1)),
        lambda _: (*chunked(content_type=JSON), Endless(chunk(b" "), 0.1)),
    ),
    "stall_in_content": Shape(lambda f: (*_begun(f), Wait()), lambda f: (*_half(f), Wait())),
    "comments_in_content": Shape(lambda f: (*_begun(f), Endless(chunk(f.comment), 0.1)), None),
    "stall_before_finish": Shape(lambda f: (*chunked(*f.opening, *f.content), Wait()), None),
    "stall_after_end": Shape(
        lambda f: (*chunked(f.stream()), Wait()), lambda f: (*_unended(f), Wait())
    ),
    "slow_but_alive": Shape(_slowly, lambda f: (Wait(0.6), sized(f.whole(COUNTED)))),
    # What breaks off.
    "cut_before_content": Shape(
        lambda f: (*chunked(*f.opening), Close()),
        lambda _: (Send(head(content_type=JSON, content_length="9")), Close()),
    ),
    "cut_in_content": Shape(lambda f: (*_begun(f), Close()), lambda f: (*_half(f), Close())),
    "cut_in_json": Shape(lambda f: (*_begun(f, _cut_event(f)), Close()), None),
    "cut_after_content": Shape(lambda f: (*chunked(*f.opening, *f.content), Close()), None),
    "cut_after_end": Shape(
        lambda f: (*chunked(f.stream()), Close()), lambda f: (*_unended(f), Close())
    ),
    "ends_in_content": Shape(
        lambda f: (*_begun(f), Send(LAST)),
        lambda f: (sized(f.whole(COUNTED)[: len(f.whole(COUNTED)) // 2]),),
    ),
    "ends_in_json": Shape(lambda f: (*_begun(f, _cut_event(f)), Send(LAST)), None),
    "empty": Shape(
        lambda _: (*chunked(), Send(LAST)), lambda _: (sized(_NO_BODY, content_type=JSON),)
    ),
    # What makes no sense, or not at once.
    "error_in_200": Shape(
        lambda f: (*chunked(f.in_stream), Send(LAST)), lambda f: (sized(f.in_answer),)
    ),
    "error_after_content": Shape(lambda f: (*_begun(f, f.in_stream), Send(LAST)), None),
    "garbage": Shape(
        lambda _: (*chunked(_NOISE), Send(LAST)),
        lambda _: (sized(_NOISE, content_type=JSON),),
    ),
    "garbage_in_content": Shape(
        lambda f: (*_begun(f, b"data: " + _NOISE + b"\n\n"), Send(LAST)), None
    ),
    "page_in_200": _plain(_PAGE),
    "wrong_content_type": Shape(
        lambda f: (*chunked(f.stream(), content_type="text/plain"), Send(LAST)),
        lambda f: (sized(f.whole(COUNTED), content_type="text/plain"),),
    ),
    "other_delivery": Shape(
        lambda f: (sized(f.whole(COUNTED)),), lambda f: (*chunked(f.stream()), Send(LAST))
    ),
    "compressed_unasked": _both(lambda _: (sized(_NOISE, content_encoding="gzip"),)),
    "line_without_end": Shape(
        lambda _: (*chunked(b"data: "), Endless(chunk(_FLOOD))),
        lambda _: (*chunked(b'{"', content_type=JSON), Endless(chunk(_FLOOD))),
    ),
    # What is no fault to the caller.
    "duplicate_end": Shape(
        lambda f: (
            *chunked(f.stream(), *f.closing(COUNTED), f.end),
            Send(LAST),
        ),
        None,
    ),
    "usage_missing": Shape(_streamed(counted=None), lambda f: (sized(f.whole(None)),)),
    "usage_zero": Shape(_streamed(counted=(0, 0)), lambda f: (sized(f.whole((0, 0))),)),
}
