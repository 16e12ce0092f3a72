"""The scripted provider on the mock clock."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adapters.scripted.provider import Scripted
from adapters.scripted.script import (
    Called,
    CallTool,
    Chunks,
    Counts,
    Cut,
    Echo,
    Fail,
    Failure,
    Finish,
    Paced,
    Report,
    Say,
    Stall,
    Step,
    Think,
    Wait,
)
from domain.model.errors import ChatError, ErrorReason, ModelUnknown
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from tests.support.http_calls import call, user
from tests.support.http_peer import drained


def playing(*steps: Step) -> Scripted:
    return Scripted(scripts={"m": steps})


def failing(**fields: Any) -> Scripted:
    return playing(Say("a"), Fail(Failure(**fields)))


async def test_a_script_that_runs_out_has_finished_its_answer() -> None:
    events = await drained(playing(Say("one two")), call(user("a b c")))
    started, said, finished = events
    assert isinstance(started, Started)
    assert (started.provider, started.model) == ("scripted", "m")
    assert said == TextDelta("one two")
    assert isinstance(finished, Finished)
    assert finished.reason is FinishReason.STOP
    assert (finished.usage.input_tokens, finished.usage.output_tokens) == (3, 2)


async def test_the_same_call_is_answered_the_same() -> None:
    model = playing(Think("hm"), Say("a"), CallTool(Called(name="f")), Echo(True))
    assert await drained(model, call()) == await drained(model, call())


async def test_parts_are_numbered_and_calls_end_the_answer() -> None:
    model = playing(Think("hm"), Say("a"), CallTool(Called(name="f")), CallTool(Called(name="g")))
    events = await drained(model, call())
    assert events[1] == ReasoningDelta(text="hm", provider="scripted", part_index=0)
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [(each.id, each.part_index) for each in calls] == [
        *[("call_0", 2), ("call_0", 2)],
        *[("call_1", 3), ("call_1", 3)],
    ]
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is FinishReason.TOOL_CALLS
    assert events[-1].usage.reasoning_tokens == 1


async def test_the_prompt_is_said_back() -> None:
    events = await drained(playing(Echo(True)), call(user("no"), user("say this back")))
    assert [each.text for each in events if isinstance(each, TextDelta)] == [
        "say",
        " this",
        " back",
    ]


async def test_pieces_come_at_their_pace(autojump_clock: MockClock) -> None:
    model = playing(Wait(10.0), Chunks(Paced(count=50, every_s=0.1, text="x ")))
    events = await drained(model, call())
    assert len(events) == 52
    assert trio.current_time() == pytest.approx(15.0)


async def test_a_whole_answer_comes_in_one_piece_after_all_its_pauses(
    autojump_clock: MockClock,
) -> None:
    model = playing(Wait(10.0), Chunks(Paced(count=3, every_s=0.1, text="x ")), Say("y"))
    async with model.stream(call(whole=True)) as stream:
        assert isinstance(await anext(stream), Started)
        assert trio.current_time() == pytest.approx(10.3)
        assert await anext(stream) == TextDelta("x x x y")
        assert isinstance(await anext(stream), Finished)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("PROVIDER_OVERLOADED", "ProviderFailure"), ("SERVICE_INTERNAL", "ServiceFailure")],
)
async def test_an_error_is_as_scripted(reason: str, kind: str) -> None:
    model = failing(reason=reason, message="m", retry_after_s=2.0, status=503)
    with pytest.raises(ChatError, match="m") as caught:
        await drained(model, call())
    error = caught.value
    assert type(error).__name__ == kind
    assert error.reason is ErrorReason[reason]
    assert (error.retry_after_s, error.upstream_status) == (2.0, 503)


async def test_a_whole_answer_that_fails_says_nothing_before() -> None:
    async with failing(reason="PROVIDER_OVERLOADED").stream(call(whole=True)) as stream:
        with pytest.raises(ChatError):
            await anext(stream)


async def test_a_cut_is_a_truncated_stream() -> None:
    model = playing(Say("a"), Cut(True), Say("never"))
    async with model.stream(call()) as stream:
        await anext(stream)
        assert await anext(stream) == TextDelta("a")
        with pytest.raises(ChatError) as caught:
            await anext(stream)
    assert caught.value.reason is ErrorReason.PROVIDER_STREAM_TRUNCATED


async def test_a_stall_never_ends_and_can_be_cancelled(autojump_clock: MockClock) -> None:
    model = playing(Say("a"), Stall(True))
    with trio.move_on_after(1e6) as scope:
        await drained(model, call())
    assert scope.cancelled_caught
    (play,) = model.plays
    assert (play.given, play.finished, play.closed_s) == (2, False, 1e6)


async def test_a_test_sees_when_and_how_the_upstream_was_closed(autojump_clock: MockClock) -> None:
    model = playing(Say("a"), Wait(1.0))
    async with model.stream(call()) as stream:
        await anext(stream)
        assert model.plays[0].closed_s is None
    await drained(model, call())
    first, second = model.plays
    assert (first.closed_s, first.finished) == (0.0, False)
    assert (second.opened_s, second.closed_s, second.finished) == (0.0, 1.0, True)


async def test_counts_can_be_scripted() -> None:
    model = playing(Say("a"), Report(Counts(input_tokens=0, cache_read_tokens=5)), Say("b"))
    events = await drained(model, call())
    reported, finished = events[2], events[-1]
    assert isinstance(reported, UsageReported)
    assert isinstance(finished, Finished)
    assert (reported.usage.input_tokens, reported.usage.output_tokens) == (0, 1)
    assert (finished.usage.input_tokens, finished.usage.output_tokens) == (0, 2)
    assert finished.usage.cache_read_tokens == 5


async def test_an_answer_can_finish_for_any_reason() -> None:
    model = playing(Say("a"), Finish(FinishReason.MAX_TOKENS), Say("never"))
    events = await drained(model, call())
    assert len(events) == 3
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is FinishReason.MAX_TOKENS


async def test_a_model_without_a_script_is_unknown() -> None:
    model = Scripted(scripts={"other": ()})
    assert model.info("m") is None
    assert [info.model for info in model.models()] == ["other"]
    with pytest.raises(ModelUnknown):
        await drained(model, call())


async def test_a_long_run_of_pieces_lets_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        events: list[ChatEvent] = await drained(playing(Chunks(Paced(count=320))), call())
        nursery.cancel_scope.cancel()
    assert len(events) == 322
    assert turns >= 18
