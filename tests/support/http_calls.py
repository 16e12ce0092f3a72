"""Calls to ask an OpenAI-compatible endpoint with, and answers in its format."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from adapters.providers.chat_completions.codec import ChatCompletionsCodec
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.wire.codec import Codec, ResponseHead
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.errors import ChatError
from domain.model.events import ChatEvent

CODEC: ChatCompletionsCodec = compatible_codec(CompatibleConfig(name="far", models=("m",)))
HEAD = ResponseHead(200, {"x-request-id": "req-1"})
ID = "chatcmpl-1"


def user(text: str = "hello") -> Message:
    """Return a user's message."""
    return Message(role=Role.USER, parts=(Text(text=text),))


def call(*messages: Message, whole: bool = False, **fields: Any) -> ChatCall:
    """Return a call with `fields` in its request."""
    return ChatCall(
        request=ChatRequest(model="m", messages=messages or (user(),), **fields),
        request_id="r-1",
        delivery=Delivery.WHOLE if whole else Delivery.STREAMED,
    )


def chunk(delta: Any = None, finish: Any = None, **fields: Any) -> bytes:
    """Return one chunk as an event; without `delta` its choices are empty."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return event({"id": ID, "model": "m-1", "choices": choices, **fields})


def event(value: Any) -> bytes:
    """Return `value` as a server-sent event."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
HELLO = b"".join(
    (
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "Hi "}),
        chunk({"content": "é"}),
        chunk({}, "stop"),
        chunk(usage=USAGE),
        DONE,
    )
)
"""A short answer: two pieces of text, usage, the end."""


def whole_body(message: Any = None, finish: str = "stop", **fields: Any) -> bytes:
    """Return a whole answer's body."""
    said = {"role": "assistant", "content": "Hi é"} if message is None else message
    return orjson.dumps(
        {
            "id": ID,
            "model": "m-1",
            "choices": [{"index": 0, "message": said, "finish_reason": finish}],
            "usage": USAGE,
            **fields,
        }
    )


def cuts(data: bytes, size: int) -> list[bytes]:
    """Return `data` in pieces of `size` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def decoded(
    pieces: Iterable[bytes], codec: Codec = CODEC, asked: ChatCall | None = None
) -> Sequence[ChatEvent | str]:
    """Return the events of a body in `pieces` that ends cleanly; a failure's reason comes last."""
    decoder = codec.decoder(asked or call(), HEAD)
    events: list[ChatEvent | str] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events.extend(decoder.end())
    except ChatError as error:
        events.append(error.reason.name)
    return events
