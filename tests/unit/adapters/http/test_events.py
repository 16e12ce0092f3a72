"""Patience of the driver, on the mock clock: what counts as silence, and when it ends."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adapters.http.exchange import HttpBounds
from domain.model.chat import Timeouts
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import Finished, Started, TextDelta
from domain.policy.patience import Patience
from tests.support.http_calls import DONE, HELLO, call, chunk, whole_body
from tests.support.http_peer import CHUNKED, LAST, Part, answering, drained, far_model, piece, sized

PATIENCE = Patience(first_token_s=30.0, idle_s=5.0)
COMMENT = piece(b": keep-alive\n\n")
SAID = piece(chunk({"content": "Hi"}))


def often(*parts: Part) -> list[Part]:
    """Return `parts` a hundred times."""
    return [*parts] * 100


async def failure_of(*parts: Part, **fields: Any) -> tuple[ErrorReason, float]:
    """Return why a streamed call fails, and when; its connection is closed then."""
    async with far_model(answering(*parts), patience=PATIENCE) as (model, far):
        with pytest.raises(ChatError) as caught:
            await drained(model, call(**fields))
        when_s = trio.current_time()
        assert far.all_closed
    return caught.value.reason, when_s


async def test_a_head_that_does_not_come_is_a_missing_first_token(
    autojump_clock: MockClock,
) -> None:
    assert await failure_of(1e9) == (ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN, 30.0)


async def test_content_that_does_not_come_is_a_missing_first_token(
    autojump_clock: MockClock,
) -> None:
    begun = piece(chunk({"role": "assistant", "content": ""}))
    assert await failure_of(CHUNKED, 1.0, begun, 1e9) == (
        ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN,
        30.0,
    )


async def test_comments_do_not_pass_for_content(autojump_clock: MockClock) -> None:
    assert await failure_of(CHUNKED, *often(COMMENT, 1.0)) == (
        ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN,
        30.0,
    )


async def test_silence_after_content_is_idleness(autojump_clock: MockClock) -> None:
    assert await failure_of(CHUNKED, 2.0, SAID, 1e9) == (ErrorReason.PROVIDER_TIMEOUT_IDLE, 7.0)


async def test_comments_do_not_break_the_silence(autojump_clock: MockClock) -> None:
    assert await failure_of(CHUNKED, SAID, *often(1.0, COMMENT)) == (
        ErrorReason.PROVIDER_TIMEOUT_IDLE,
        5.0,
    )


async def test_half_an_event_does_not_break_the_silence(autojump_clock: MockClock) -> None:
    pieces = (1.0, piece(b"data: {"), *often(1.0, piece(b" ")))
    assert await failure_of(CHUNKED, SAID, *pieces) == (ErrorReason.PROVIDER_TIMEOUT_IDLE, 5.0)


async def test_a_slow_answer_that_keeps_talking_is_waited_for(autojump_clock: MockClock) -> None:
    parts = [part for _ in range(50) for part in (4.9, SAID)]
    end = piece(chunk({}, "stop") + DONE)
    async with far_model(answering(CHUNKED, *parts, end, LAST), patience=PATIENCE) as (model, _):
        events = await drained(model, call())
    assert isinstance(events[-1], Finished)
    assert trio.current_time() > 200


async def test_time_that_the_caller_takes_is_not_the_providers_silence(
    autojump_clock: MockClock,
) -> None:
    parts = (SAID, SAID, piece(chunk({}, "stop") + DONE))
    async with (
        far_model(answering(CHUNKED, *parts, LAST), patience=PATIENCE) as (model, _),
        model.stream(call()) as stream,
    ):
        async for _event in stream:
            await trio.sleep(100)


async def test_the_calls_own_patience_wins(autojump_clock: MockClock) -> None:
    own = Timeouts(first_token_s=1.0, idle_s=2.0)
    assert (await failure_of(CHUNKED, 1e9, timeouts=own))[1] == 1.0


async def test_the_calls_own_patience_with_silence_wins(autojump_clock: MockClock) -> None:
    assert await failure_of(CHUNKED, SAID, 1e9, timeouts=Timeouts(idle_s=2.0)) == (
        ErrorReason.PROVIDER_TIMEOUT_IDLE,
        2.0,
    )


async def test_a_whole_answer_has_a_bound_of_its_own(autojump_clock: MockClock) -> None:
    slow = answering(100.0, sized(whole_body()))
    async with (
        far_model(slow, patience=PATIENCE) as (model, _),
        model.stream(call(whole=True)) as stream,
    ):
        assert isinstance(await anext(stream), Started)


async def test_a_whole_answer_that_takes_too_long_is_a_missing_first_token(
    autojump_clock: MockClock,
) -> None:
    bounds = HttpBounds(whole_s=60.0)
    body = sized(whole_body())
    async with far_model(answering(body[:-1], 1e9), bounds=bounds) as (model, far):
        with pytest.raises(ProviderFailure, match="60 s") as caught:
            await drained(model, call(whole=True))
        assert far.all_closed
    assert caught.value.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert trio.current_time() == 60.0


async def test_a_connection_that_does_not_come_about_is_a_failed_connection(
    autojump_clock: MockClock,
) -> None:
    bounds = HttpBounds(connect_s=10.0)
    async with far_model(answering(), bounds=bounds, connect_s=1e9) as (model, _):
        with pytest.raises(ProviderFailure) as caught:
            await drained(model, call())
    assert caught.value.reason is ErrorReason.PROVIDER_CONNECTION_FAILED
    assert trio.current_time() == 10.0


async def test_an_error_body_that_does_not_come_is_not_waited_for(
    autojump_clock: MockClock,
) -> None:
    refusal = sized(b"x" * 10, "503 Busy")[:-1]
    reason, when_s = await failure_of(refusal, 1e9)
    assert (reason, when_s) == (ErrorReason.PROVIDER_OVERLOADED, 5.0)


async def test_the_wait_for_the_end_of_a_finished_body_is_short(
    autojump_clock: MockClock,
) -> None:
    async with (
        far_model(answering(CHUNKED, piece(HELLO), 1e9), patience=PATIENCE) as (model, _),
        model.stream(call()) as stream,
    ):
        texts = [event.text async for event in stream if isinstance(event, TextDelta)]
    assert texts == ["Hi ", "é"]
    assert trio.current_time() < 0.1
