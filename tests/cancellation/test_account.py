"""The account and the limits of the composed core, under any schedule of calls, cancels and crashes."""

import math
import os
from collections.abc import Sequence

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.model.errors import ErrorReason, ProviderFailure
from domain.model.events import TextDelta, UsageReported
from domain.model.usage import Usage
from ports.usage_log import RecordLost
from tests.support.core_cancel import Cut, When
from tests.support.core_crowd import CALLERS, LOG_S, CrashError, Crowd, Planned
from tests.support.core_model import FINISHED, STARTED, Step

EXAMPLES = int(os.environ.get("ACCOUNT_EXAMPLES", "250"))
"""Few enough for every day; thousands were run by hand."""

INPUT, OUTPUT = 3, 5
"""What the provider counts: never more than a call reserves."""


def broken() -> None:
    raise ProviderFailure("cut", ErrorReason.PROVIDER_STREAM_TRUNCATED)


def refused() -> None:
    raise ProviderFailure("busy", ErrorReason.PROVIDER_OVERLOADED)


def bug() -> None:
    raise ValueError("bug")


PAUSES = st.sampled_from([0.0, 0.5, 3.0, 10.0, 15.0])
CONTENT: st.SearchStrategy[Step] = st.one_of(
    st.just(TextDelta("four")),
    PAUSES,
    st.just(UsageReported(Usage(input_tokens=INPUT, output_tokens=1))),
)
ENDS: st.SearchStrategy[tuple[Step, ...]] = st.sampled_from(
    [
        (FINISHED,),
        (FINISHED,),
        (FINISHED, 5.0),
        (broken,),
        (),
        (bug,),
        (30.0, FINISHED),
    ]
)


def answer(content: list[Step], end: tuple[Step, ...]) -> tuple[Step, ...]:
    return (STARTED, *content, *end)


STEPS = st.builds(answer, st.lists(CONTENT, max_size=4), ENDS)
ENTRIES: st.SearchStrategy[tuple[Step, ...]] = st.sampled_from(
    [(), (), (2.0,), (30.0,), (refused,), (1.0, refused)]
)
LATER = st.one_of(st.just(math.inf), st.integers(0, 40).map(lambda each: each + 0.25))
PLANS = st.builds(
    Planned,
    start_s=st.integers(0, 30),
    caller=st.sampled_from(CALLERS),
    drain=st.booleans(),
    max_tokens=st.integers(OUTPUT, 80),
    entry=ENTRIES,
    steps=STEPS,
    listens=st.sampled_from([1, 2, 3, 1_000, 1_000]),
    then=st.sampled_from([None, None, CrashError]),
    pause_s=st.sampled_from([0.0, 0.0, 1.0]),
    queue_s=st.sampled_from([0.0, 5.0, 60.0, 200.0]),
    deadline_s=LATER,
    cancel_s=LATER,
    log=st.one_of(st.just(0.0), st.just(LOG_S), st.just(RecordLost)),
)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[Planned], list[list[int]], tuple[int, When]]:
    """Draw calls, who shares their fate, and at which step the first group is cancelled."""
    plans = draw(st.lists(PLANS, min_size=1, max_size=9))
    groups: list[list[int]] = [[] for _ in range(draw(st.integers(1, 3)))]
    for number in range(len(plans)):
        groups[draw(st.integers(0, len(groups) - 1))].append(number)
    return plans, groups, (draw(st.integers(0, 150)), draw(st.sampled_from(When)))


@settings(max_examples=EXAMPLES)
@given(schedule=schedules())
def test_every_attempt_has_its_record_no_limit_is_exceeded_and_nothing_is_kept(
    schedule: tuple[Sequence[Planned], Sequence[Sequence[int]], tuple[int, When]],
) -> None:
    plans, groups, (step, when) = schedule
    cut = Cut(step, when)
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(Crowd(plans).play, groups, cut, clock=clock, instruments=[cut])
