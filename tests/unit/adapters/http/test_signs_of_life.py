"""What keeps a connection alive does not keep an answer alive, and a model that thinks is not silent.

Each provider has its own way of saying nothing; they are told apart from work on the mock clock.
"""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.wire.codec import Codec
from domain.model.chat import ReasoningConfig
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import Finished, ReasoningDelta
from domain.policy.patience import Patience
from tests.support.http_calls import DONE, USAGE, call, chunk
from tests.support.http_peer import CHUNKED, LAST, Part, answering, drained, far_model, piece

PATIENCE = Patience(first_token_s=30.0, idle_s=5.0)
SILENT = ErrorReason.PROVIDER_TIMEOUT_IDLE
NEVER_BEGUN = ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
CODECS: dict[str, Codec] = {
    "openai": openai_codec(OpenAIConfig()),
    "anthropic": AnthropicCodec(),
    "gemini": GeminiCodec(),
    "openrouter": openrouter_codec(OpenRouterConfig()),
}


def named(**event: Any) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def gemini(parts: list[Any] | None, **fields: Any) -> bytes:
    content = {} if parts is None else {"content": {"role": "model", "parts": parts}}
    chunk = {"responseId": "r", "candidates": [{"index": 0, **content}], **fields}
    return b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def thinking(text: str) -> bytes:
    delta = {"type": "thinking_delta", "thinking": text}
    return named(type="content_block_delta", index=0, delta=delta)


COUNTED = {"promptTokenCount": 7, "candidatesTokenCount": 1, "totalTokenCount": 8}
BEGUN: dict[str, bytes] = {
    "openai": chunk({"role": "assistant", "content": ""}),
    "anthropic": named(type="message_start", message={"id": "m", "usage": {"input_tokens": 7}})
    + named(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
    "gemini": gemini(None, usageMetadata=COUNTED),
    "openrouter": b": OPENROUTER PROCESSING\n\n",
}
SAID: dict[str, bytes] = {
    "openai": chunk({"content": "Hi"}),
    "anthropic": named(
        type="content_block_delta", index=0, delta={"type": "text_delta", "text": "Hi"}
    ),
    "gemini": gemini([{"text": "Hi"}], usageMetadata=COUNTED),
    "openrouter": chunk({"content": "Hi"}),
}
# Provider, and what it sends so that nobody closes the connection.
KEEP_ALIVES: dict[str, tuple[str, bytes]] = {
    "openai, empty delta": ("openai", chunk({"content": ""})),
    "openai, no choices": ("openai", chunk()),
    "openai, the same usage again": ("openai", chunk(usage=USAGE)),
    "anthropic, ping": ("anthropic", named(type="ping")),
    "anthropic, an event of the future": ("anthropic", named(type="heartbeat")),
    "gemini, empty candidate": ("gemini", gemini(None)),
    "gemini, no parts": ("gemini", gemini([])),
    "gemini, empty text": ("gemini", gemini([{"text": ""}])),
    "gemini, the same usage again": ("gemini", gemini(None, usageMetadata=COUNTED)),
    "openrouter, comment": ("openrouter", b": OPENROUTER PROCESSING\n\n"),
    "openrouter, empty delta": ("openrouter", chunk({"role": "assistant", "content": ""})),
}


def often(*parts: Part) -> list[Part]:
    return [*parts] * 60


async def ended(codec: Codec, *parts: Part) -> tuple[ErrorReason, float]:
    async with far_model(answering(CHUNKED, *parts), patience=PATIENCE, codec=codec) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call())
        return caught.value.reason, trio.current_time()


@pytest.mark.parametrize("shape", KEEP_ALIVES)
async def test_a_keep_alive_is_no_first_content(shape: str, autojump_clock: MockClock) -> None:
    name, alive = KEEP_ALIVES[shape]
    parts = (piece(BEGUN[name]), *often(1.0, piece(alive)))
    assert await ended(CODECS[name], *parts) == (NEVER_BEGUN, 30.0)


@pytest.mark.parametrize("shape", KEEP_ALIVES)
async def test_a_keep_alive_does_not_break_the_silence(
    shape: str, autojump_clock: MockClock
) -> None:
    name, alive = KEEP_ALIVES[shape]
    parts = (piece(BEGUN[name] + SAID[name] + alive), *often(1.0, piece(alive)))
    assert await ended(CODECS[name], *parts) == (SILENT, 5.0)


THOUGHTS: dict[str, tuple[str, bytes, bytes]] = {
    "anthropic": (
        "anthropic",
        thinking("hm "),
        named(type="message_delta", delta={"stop_reason": "end_turn"}) + named(type="message_stop"),
    ),
    "openrouter": ("openrouter", chunk({"reasoning": "hm "}), chunk({}, "stop") + DONE),
    "gemini": (
        "gemini",
        gemini([{"text": "hm ", "thought": True}]),
        gemini([{"text": "Hi"}]).replace(b'"index": 0', b'"index": 0, "finishReason": "STOP"'),
    ),
}


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "hidden"])
@pytest.mark.parametrize("name", THOUGHTS)
async def test_a_model_that_thinks_for_long_is_waited_for_whoever_sees_its_thoughts(
    name: str, shown: bool, autojump_clock: MockClock
) -> None:
    codec, thought, end = THOUGHTS[name]
    parts = (CHUNKED, piece(BEGUN[codec]), *often(4.0, piece(thought)), 4.0, piece(end), LAST)
    asked = call(reasoning=ReasoningConfig(include_content=shown))
    async with far_model(answering(*parts), patience=PATIENCE, codec=CODECS[codec]) as (model, _):
        events = await drained(model, asked)
    assert isinstance(events[-1], Finished)
    assert trio.current_time() > 240
    # Gemini is not asked for thoughts that are not to be shown; what comes all the same is passed on.
    seen = any(isinstance(event, ReasoningDelta) and event.text for event in events)
    assert seen is (shown or name == "gemini")


async def test_a_model_whose_tokens_are_counted_but_not_shown_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    def counted(tokens: int) -> bytes:
        usage = {"promptTokenCount": 7, "thoughtsTokenCount": tokens, "totalTokenCount": 7 + tokens}
        return piece(gemini(None, usageMetadata=usage))

    working: list[Part] = []
    for step in range(1, 40):
        working += [4.0, counted(100 * step)]
    reason, when_s = await ended(GeminiCodec(), piece(SAID["gemini"]), *working, 1e9)
    assert (reason, when_s) == (SILENT, 39 * 4.0 + 5.0)


THOUGHT_BEGUN = named(
    type="content_block_start", index=1, content_block={"type": "thinking", "thinking": ""}
)
PROVEN = named(
    type="content_block_delta", index=1, delta={"type": "signature_delta", "signature": "c2ln"}
)
THOUGHT_OVER = named(type="content_block_stop", index=1)
PINGS = often(1.0, piece(named(type="ping")))
TALKING = piece(BEGUN["anthropic"] + SAID["anthropic"])


async def test_a_thought_that_is_kept_back_is_waited_for_like_first_content(
    autojump_clock: MockClock,
) -> None:
    end = named(type="message_delta", delta={"stop_reason": "end_turn"}) + named(
        type="message_stop"
    )
    thought = (piece(THOUGHT_BEGUN), *PINGS[:50], piece(PROVEN + THOUGHT_OVER))
    parts = (CHUNKED, TALKING, 4.0, *thought, *thought, 4.0, piece(end), LAST)
    codec = CODECS["anthropic"]
    async with far_model(answering(*parts), patience=PATIENCE, codec=codec) as (model, _):
        events = await drained(model, call())
    assert isinstance(events[-1], Finished)
    assert trio.current_time() == 4.0 + 25.0 + 25.0 + 4.0


@pytest.mark.parametrize(
    ("then", "given_up_s"),
    [
        pytest.param(named(type="ping"), 2.0 + PATIENCE.first_token_s, id="never over"),
        pytest.param(THOUGHT_BEGUN, 2.0 + PATIENCE.first_token_s, id="begun twice"),
        pytest.param(thinking("hm "), 22.0 + PATIENCE.idle_s, id="told, then silent"),
        pytest.param(PROVEN, 22.0 + PATIENCE.idle_s, id="proven"),
        pytest.param(THOUGHT_OVER, 22.0 + PATIENCE.idle_s, id="over"),
        pytest.param(BEGUN["anthropic"], 22.0 + PATIENCE.idle_s, id="then text"),
    ],
)
async def test_pings_do_not_stretch_the_wait_for_a_thought_or_for_what_comes_after_it(
    then: bytes, given_up_s: float, autojump_clock: MockClock
) -> None:
    parts = (TALKING, 2.0, piece(THOUGHT_BEGUN), 20.0, piece(then), *PINGS)
    assert await ended(CODECS["anthropic"], *parts) == (SILENT, given_up_s)


async def test_a_hidden_thought_that_stops_being_told_is_silence(
    autojump_clock: MockClock,
) -> None:
    parts = (TALKING, 2.0, piece(THOUGHT_BEGUN), 20.0, piece(thinking("hm ")), *PINGS)
    asked = call(reasoning=ReasoningConfig(include_content=False))
    codec = CODECS["anthropic"]
    async with far_model(answering(CHUNKED, *parts), patience=PATIENCE, codec=codec) as (model, _):
        with pytest.raises(ChatError, match="silent for 5 s"):
            await drained(model, asked)
    assert trio.current_time() == 2.0 + 20.0 + PATIENCE.idle_s


async def test_impatience_with_first_content_does_not_shorten_a_thought(
    autojump_clock: MockClock,
) -> None:
    hasty = Patience(first_token_s=1.0, idle_s=5.0)
    parts = (CHUNKED, TALKING, piece(THOUGHT_BEGUN), *PINGS)
    codec = CODECS["anthropic"]
    async with far_model(answering(*parts), patience=hasty, codec=codec) as (model, _):
        with pytest.raises(ChatError, match="silent for 5 s"):
            await drained(model, call())
