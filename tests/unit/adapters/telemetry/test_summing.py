"""The numbers of several workers as those of one server, and their way there."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.exposition import families, of_the_process, written
from adapters.telemetry.prometheus.packing import packed, unpacked
from adapters.telemetry.prometheus.processes import of_process, of_the_collector
from adapters.telemetry.prometheus.series import Count, Distribution, Reading, Series, Spec, copied
from adapters.telemetry.prometheus.summing import Sums, summed

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-" + "5" * 32 + "-" + "6" * 16 + "-01"
WAITS = names.LIMITER_WAITS


def worker(count: int = 1, *, ready: int = 1, away: int = 0, trace: str = "") -> list[Reading]:
    calls: Series[Count] = Series(names.CALLER_REQUESTS)
    calls.of("anna", "OK").add(count)
    waits: Series[Distribution] = Series(WAITS)
    waits.of().add(0.5, trace, count)
    gauges = ((names.CONNECTIONS, count), (names.READY, ready), (names.LIMITER_AWAY, away))
    return [
        copied(calls),
        copied(waits),
        *(Reading(spec, {(): float(number)}) for spec, number in gauges),
    ]


def number(found: list[Reading], spec: Spec, *labels: str) -> float | Distribution:
    (reading,) = (each for each in found if each.spec == spec)
    return reading.numbers[labels]


def waited(found: list[Reading]) -> Distribution:
    distribution = number(found, WAITS)
    assert isinstance(distribution, Distribution)
    return distribution


def test_workers_are_summed_but_for_what_has_no_sum() -> None:
    found = Sums().of([worker(2), worker(3, ready=0, away=1)])
    assert number(found, names.CALLER_REQUESTS, "anna", "OK") == 5
    assert number(found, names.CONNECTIONS) == 5
    assert number(found, names.READY) == 0
    assert number(found, names.LIMITER_AWAY) == 1
    assert (sum(waited(found).counts), waited(found).total) == (5, 2.5)


def test_what_a_worker_counted_that_is_gone_still_counts_and_what_it_held_does_not() -> None:
    sums = Sums()
    sums.departed(worker(2))
    sums.departed(worker(1))
    for _ in range(2):
        found = sums.of([worker(4)])
        assert number(found, names.CALLER_REQUESTS, "anna", "OK") == 7
        assert sum(waited(found).counts) == 7
        assert number(found, names.CONNECTIONS) == 4
    assert [each.spec.kind.value for each in sums.of([])] == ["counter", "histogram"]


def test_the_newest_example_of_a_bucket_is_kept_and_nobodys_own_numbers_change() -> None:
    one, other = worker(trace=PARENT), worker(trace=OTHER)
    for order in ([one, other], [other, one]):
        (example,) = waited(Sums().of(order)).exemplars.values()
        assert example.labels["trace_id"] == "5" * 32
    assert [sum(waited(each).counts) for each in (one, other)] == [1, 1]


@given(st.lists(st.integers(0, 10**15), max_size=6))
def test_money_is_summed_to_the_last_billionth_of_a_dollar(nano_usd: list[int]) -> None:
    each = [[Reading(names.COST, {("p", "m"): amount / 1e9})] for amount in nano_usd]
    found = summed(each)
    if nano_usd:
        assert number(found, names.COST, "p", "m") == sum(nano_usd) / 1e9


def test_a_number_cannot_be_added_to_a_distribution() -> None:
    with pytest.raises(TypeError, match="llm_limiter_waits_seconds is a distribution"):
        summed([worker(), [Reading(WAITS, {(): 1.0})]])


def test_what_is_packed_comes_out_as_it_was() -> None:
    before = [*worker(3, trace=PARENT), *of_the_collector()]
    after = unpacked(json.loads(json.dumps(packed(before))))
    assert page(after) == page(before)
    assert "trace_id" in page(after)
    with pytest.raises(KeyError):
        unpacked([["unknown", []]])


def test_every_metric_of_ours_can_be_packed() -> None:
    for spec in vars(names).values():
        if isinstance(spec, Spec):
            (found,) = unpacked(packed([Reading(spec, {})]))
            assert found.spec is spec


def test_a_process_is_told_of_under_the_names_that_are_usual() -> None:
    ours = [*of_process(os.getpid()), *of_the_collector()]
    theirs = {each.name: each.documentation for each in of_the_process()}
    assert {each.spec.name: each.spec.text for each in ours} == {
        name: text for name, text in theirs.items() if name != "python_info"
    }
    (cpu,) = (each.numbers[()] for each in ours if each.spec.name == "process_cpu_seconds")
    assert isinstance(cpu, float)
    assert cpu > 0


def test_a_process_that_is_gone_or_says_nonsense_is_told_nothing_of(tmp_path: Path) -> None:
    assert of_process(7, tmp_path) == []
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) b) S 1 2")
    assert of_process(7, tmp_path) == []


def page(readings: list[Reading]) -> str:
    return written(families(readings), "application/openmetrics-text", "").body.decode()
