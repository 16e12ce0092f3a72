"""What happened lately at several workers: the same as if one had seen it all."""

import json

from hypothesis import given
from hypothesis import strategies as st

from adapters.telemetry.console.history import Followed, History, packed, unpacked
from adapters.telemetry.console.statistics import FINE_KEPT_S, Slot, Statistics, total
from domain.model.usage import Attempt, AttemptOutcome, Usage

TRIED = Attempt(
    index=0,
    provider="p",
    model="m",
    outcome=AttemptOutcome.SERVED,
    usage=Usage(input_tokens=2, output_tokens=3, cost_nano_usd=5),
    first_token_s=0.2,
)


def counted(statistics: Statistics, now_s: float, reason: str) -> None:
    statistics.call(now_s, reason, 0.5)
    statistics.attempt(now_s, "anna", TRIED, streamed=True)


def said(slots: list[Slot]) -> list[object]:
    return [(each.at, each.ends, each.latency, each.first, packed(each)[4]) for each in slots]


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.booleans(), st.sampled_from(["", "SERVICE_INTERNAL"])),
        max_size=30,
    ),
    st.sampled_from([0, 250, -40]),
    st.integers(0, 60),
)
def test_workers_with_clocks_of_their_own_are_seen_as_one(
    events: list[tuple[int, bool, str]], shift_s: int, every: int
) -> None:
    one, first, second, history = Statistics(), Statistics(), Statistics(), History()
    workers = ((first, 0), (second, shift_s))
    known = (Followed(), Followed())

    def look(now_s: float) -> None:
        for (worker, shift), followed in zip(workers, known, strict=True):
            over = followed.over(worker.over_since(followed.since), worker.running)
            history.take(over, shift, now_s)

    base = 1_000
    now_s = 0.0
    for count, (offset, which, reason) in enumerate(sorted(events)):
        if base + offset > now_s + 5:
            look(now_s)
        now_s = base + offset + 0.25
        counted(one, now_s, reason)
        worker, shift = workers[which]
        counted(worker, now_s - shift, reason)
        if count % (every + 1) == 0:
            look(now_s)
    now_s = base + 401.0
    look(now_s)
    running = [(each.running, shift) for each, (_, shift) in zip(known, workers, strict=True)]
    found = history.beside(running)
    assert said(found.window(now_s, 300, 10)) == said(one.window(now_s, 300, 10))
    assert said(found.window(now_s, 3600, 120)) == said(one.window(now_s, 3600, 120))


def test_what_is_long_past_is_forgotten() -> None:
    history = History()
    history.take([Slot(at, {"": 1}) for at in range(10_000)], 0.0, 10_000.0)
    found = history.beside([])
    assert total(found.window(10_000.0, 300, 10)).calls == FINE_KEPT_S - 10 + 0
    assert len(history._fine) < FINE_KEPT_S
    assert len(history._coarse) == 60


def test_a_second_comes_out_as_it_was() -> None:
    statistics = Statistics()
    counted(statistics, 7.0, "SERVICE_INTERNAL")
    before = statistics.running
    after = unpacked(json.loads(json.dumps(packed(before))))
    assert said([after]) == said([before])
