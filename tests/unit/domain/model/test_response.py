"""The fold from events to a response."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.chat import ContentPart, Message, Reasoning, Refusal, Role, Text, ToolCall
from domain.model.errors import ErrorReason, ServiceFailure
from domain.model.events import (
    CallWarning,
    ChatEvent,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from domain.model.response import ChatResponse, fold
from domain.model.usage import Attempt, AttemptOutcome, Usage
from tests.support.core_model import ANSWER, FINISHED, STARTED, USAGE

LAWS = settings(max_examples=150)


def part_of(*deltas: ChatEvent) -> ContentPart:
    (part,) = fold((STARTED, *deltas, FINISHED)).message.parts
    return part


# ------------------------------------------------------------------ cutting

deltas = st.one_of(
    st.builds(TextDelta, st.text(max_size=12)),
    st.builds(RefusalDelta, st.text(max_size=12)),
    st.builds(
        ReasoningDelta,
        text=st.text(max_size=12),
        signature=st.binary(max_size=8),
        redacted=st.booleans(),
        provider=st.sampled_from(["", "anthropic"]),
    ),
    st.builds(
        ToolCallDelta,
        id=st.just("call-1"),
        name=st.text(max_size=6),
        arguments_fragment=st.text(max_size=12),
        signature=st.binary(max_size=8),
    ),
)
noise = st.one_of(
    st.just(UsageReported(USAGE)),
    st.builds(WarningRaised, st.builds(CallWarning, st.just("CODE"), st.text(max_size=5))),
)


@st.composite
def cut(draw: st.DrawFn, delta: ChatEvent) -> list[ChatEvent]:
    """Cut `delta` in three; what is not text travels with any one of the pieces."""
    if isinstance(delta, ToolCallDelta):
        one, two, three = draw(thirds(delta.arguments_fragment))
        # A name is on the first fragment, as the event's own law says.
        return [
            attrs.evolve(delta, arguments_fragment=one, signature=b""),
            attrs.evolve(delta, arguments_fragment=two, signature=b"", name=""),
            attrs.evolve(delta, arguments_fragment=three, name=""),
        ]
    if isinstance(delta, ReasoningDelta):
        one, two, three = draw(thirds(delta.text))
        bare = attrs.evolve(delta, text="", signature=b"", redacted=False, provider="")
        return [
            attrs.evolve(bare, text=one),
            attrs.evolve(bare, text=two, redacted=delta.redacted),
            attrs.evolve(delta, text=three, redacted=False),
        ]
    assert isinstance(delta, TextDelta | RefusalDelta)
    return [attrs.evolve(delta, text=piece) for piece in draw(thirds(delta.text))]


@st.composite
def thirds(draw: st.DrawFn, text: str) -> tuple[str, str, str]:
    first = draw(st.integers(0, len(text)))
    second = draw(st.integers(first, len(text)))
    return text[:first], text[first:second], text[second:]


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[ChatEvent], list[ChatEvent]]:
    """Return an answer, and the same answer in smaller pieces, other parts' pieces in between."""
    parts = [
        attrs.evolve(delta, part_index=index)
        for index, delta in enumerate(draw(st.lists(deltas, max_size=4)))
    ]
    between = draw(st.lists(noise, max_size=3))
    queues = [draw(cut(part)) for part in parts]
    interleaved: list[ChatEvent] = []
    while any(queues):
        queue = draw(st.sampled_from([queue for queue in queues if queue]))
        interleaved.append(queue.pop(0))
    return [STARTED, *parts, *between, FINISHED], [STARTED, *interleaved, *between, FINISHED]


@LAWS
@given(answers())
def test_however_deltas_are_cut_the_response_is_the_same(
    pair: tuple[list[ChatEvent], list[ChatEvent]],
) -> None:
    whole, pieces = pair
    assert fold(pieces) == fold(whole)


# ------------------------------------------------------------------ the end


def test_an_answer_carries_all_that_its_events_said() -> None:
    attempt = Attempt(index=0, provider="p", model="m", outcome=AttemptOutcome.SERVED)
    warning = CallWarning("PARAM_DROPPED", "temperature")
    response = fold(
        (
            STARTED,
            WarningRaised(warning),
            TextDelta("a"),
            TextDelta("b", part_index=1),
            UsageReported(Usage(input_tokens=99)),
            attrs.evolve(FINISHED, attempts=(attempt,)),
        )
    )
    assert response == ChatResponse(
        id="answer-1",
        provider="upstream",
        model="model-v1",
        content="ab",
        message=Message(role=Role.ASSISTANT, parts=(Text(text="a"), Text(text="b"))),
        finish_reason=FinishReason.STOP,
        native_finish_reason="end_turn",
        usage=USAGE,
        attempts=(attempt,),
        warnings=(warning,),
    )


@pytest.mark.parametrize("length", range(len(ANSWER)))
def test_an_unfinished_answer_never_gives_a_response(length: int) -> None:
    with pytest.raises(ServiceFailure, match="before it was finished") as caught:
        fold(ANSWER[:length])
    assert caught.value.reason is ErrorReason.SERVICE_INTERNAL


def test_an_answer_that_never_started_gives_no_response() -> None:
    with pytest.raises(ServiceFailure):
        fold((TextDelta("a"), FINISHED))


@pytest.mark.parametrize(
    "event",
    [FINISHED, STARTED, TextDelta(""), UsageReported(USAGE), WarningRaised(CallWarning("C", "m"))],
    ids=lambda event: type(event).__name__,
)
def test_nothing_may_follow_the_end(event: ChatEvent) -> None:
    with pytest.raises(ServiceFailure, match="followed the end"):
        fold((*ANSWER, event))


# ------------------------------------------------------------------ parts


def test_each_kind_of_delta_makes_its_kind_of_part() -> None:
    parts = fold(
        (
            STARTED,
            RefusalDelta("no", part_index=3),
            ToolCallDelta(
                id="c", name="f", arguments_fragment='{"a":1}', signature=b"s", part_index=2
            ),
            TextDelta("yes", part_index=1),
            ReasoningDelta(text="hm", signature=b"sig", provider="anthropic", part_index=0),
            FINISHED,
        )
    ).message.parts
    assert parts == (
        Reasoning(text="hm", signature=b"sig", provider="anthropic"),
        Text(text="yes"),
        ToolCall(id="c", name="f", arguments_json='{"a":1}', signature=b"s"),
        Refusal(text="no"),
    )


def test_only_text_parts_are_the_content() -> None:
    response = fold(
        (STARTED, ReasoningDelta(text="hm"), RefusalDelta("no", 1), TextDelta("yes", 2), FINISHED)
    )
    assert response.content == "yes"


def test_a_tool_call_without_arguments_has_an_empty_object() -> None:
    part = part_of(ToolCallDelta(id="c", name="now"), ToolCallDelta(id="c"))
    assert part == ToolCall(id="c", name="now", arguments_json="{}")


def test_a_redacted_piece_makes_the_thought_redacted() -> None:
    part = part_of(ReasoningDelta(), ReasoningDelta(redacted=True), ReasoningDelta(signature=b"x"))
    assert part == Reasoning(redacted=True, signature=b"x")


def test_a_signature_keeps_its_maker_whichever_piece_names_it() -> None:
    part = part_of(ReasoningDelta(text="hm"), ReasoningDelta(signature=b"s", provider="anthropic"))
    assert part == Reasoning(text="hm", signature=b"s", provider="anthropic")


def test_a_part_that_changes_its_kind_is_a_bug_of_the_maker() -> None:
    with pytest.raises(ServiceFailure, match="changed its kind"):
        part_of(TextDelta("a"), RefusalDelta("b"))


def test_parts_are_in_the_order_of_their_index() -> None:
    events = [TextDelta(str(index), part_index=index) for index in (10, 2, 33, 1)]
    assert fold((STARTED, *events, FINISHED)).content == "121033"
