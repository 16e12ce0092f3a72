"""Which answers are kept, in what form, and how they are given again."""

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.errors import ErrorReason
from domain.model.events import (
    ChatEvent,
    Finished,
    ReasoningDelta,
    RouteChanged,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from domain.model.response import fold
from domain.model.response_cache import CacheStatus
from domain.model.target import Target
from domain.model.tools import Tool
from domain.model.usage import NO_USAGE, Attempt, AttemptOutcome, Usage, UsageSource
from domain.policy.keeping import PIECE, compact, fit, weight
from tests.support.core_model import ANSWER, FINISHED, STARTED, USAGE, question

deltas = st.lists(
    st.one_of(
        st.builds(TextDelta, st.text(max_size=PIECE), st.sampled_from([0, 2])),
        st.builds(ReasoningDelta, text=st.text(max_size=3), part_index=st.just(1)),
        st.just(UsageReported(USAGE)),
    ),
    max_size=12,
)


@settings(max_examples=100)
@given(deltas)
def test_a_kept_answer_says_what_the_answer_said(found: list[ChatEvent]) -> None:
    kept = compact([STARTED, *found, FINISHED])
    one, other = fold([STARTED, *found, FINISHED]), fold(kept)
    assert other.message == one.message
    assert other.finish_reason is one.finish_reason
    assert sum(map(weight, kept)) <= sum(map(weight, [STARTED, *found, FINISHED]))


def test_short_pieces_are_joined_and_long_ones_stay_apart() -> None:
    kept = compact([STARTED, *[TextDelta("x" * 100)] * 20, FINISHED])
    texts = [event.text for event in kept if isinstance(event, TextDelta)]
    assert "".join(texts) == "x" * 2000
    assert [len(text) for text in texts] == [300] * 6 + [200]


def test_what_is_kept_knows_nothing_of_who_paid() -> None:
    paid = Attempt(index=0, provider="p", model="m", outcome=AttemptOutcome.SERVED)
    usage = attrs.evolve(USAGE, cost_nano_usd=7, price_version="v", raw={"a": 1})
    kept = compact([STARTED, attrs.evolve(FINISHED, usage=usage, attempts=(paid,))])
    free = Usage(input_tokens=3, output_tokens=5, source=UsageSource.LOCAL_CACHE, cost_nano_usd=0)
    assert isinstance(kept[0], Started)
    assert kept[0].upstream_request_id == ""
    assert isinstance(kept[-1], Finished)
    assert (kept[-1].usage, kept[-1].attempts) == (free, ())


def test_an_answer_that_is_given_again_says_so_and_costs_nothing() -> None:
    start, text, end = compact([STARTED, UsageReported(USAGE), TextDelta("a"), FINISHED])
    assert isinstance(start, Started)
    assert start.cache_status is CacheStatus.HIT
    assert text == TextDelta("a")
    assert isinstance(end, Finished)
    assert (end.usage.source, end.usage.cost_nano_usd) == (UsageSource.LOCAL_CACHE, 0)
    unknown = compact([STARTED, attrs.evolve(FINISHED, usage=NO_USAGE)])[-1]
    assert isinstance(unknown, Finished)
    assert unknown.usage == Usage(source=UsageSource.LOCAL_CACHE, cost_nano_usd=0)


def test_answers_to_calls_with_tools_are_not_given_again_unless_the_settings_say_so() -> None:
    armed = attrs.evolve(question(), tools=(Tool(name="f"),))
    assert fit(question(), with_tools=False)
    assert not fit(armed, with_tools=False)
    assert fit(armed, with_tools=True)


def test_a_longer_event_weighs_more() -> None:
    assert weight(TextDelta("a" * 1000)) > 1000
    assert weight(TextDelta("\N{GRINNING FACE}" * 1000)) > 4000
    assert weight(ToolCallDelta(id="c", arguments_fragment="a" * 1000)) > 1000


def test_of_an_answer_that_began_anew_only_what_counts_is_kept() -> None:
    changed = RouteChanged(
        previous=Target("a", "m"),
        next=Target("b", "m"),
        reason=ErrorReason.PROVIDER_STREAM_TRUNCATED,
    )
    assert compact([STARTED, TextDelta("void"), changed, *ANSWER]) == compact(ANSWER)
