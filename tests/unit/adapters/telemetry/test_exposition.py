"""Metrics written down, and added up over workers."""

import gzip

import pytest
from prometheus_client.core import Metric

from adapters.telemetry.prometheus.exposition import families, of_the_process, written
from adapters.telemetry.prometheus.series import Count, Distribution, Kind, Series, Spec, copied
from adapters.telemetry.prometheus.summing import Sums, parsed

CALLS = Spec(Kind.COUNTER, "calls", "Calls.", ("code",))
TIMES = Spec(Kind.HISTOGRAM, "times_seconds", "Times.", (), (0.1, 1.0))
BUSY = Spec(Kind.GAUGE, "busy", "Busy.")
READY = Spec(Kind.GAUGE, "llm_ready", "Ready.")
AWAY = Spec(Kind.GAUGE, "llm_limiter_away", "Away.")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def worker(count: int = 1, *, ready: int = 1, away: int = 0, trace: str = "") -> list[Metric]:
    calls: Series[Count] = Series(CALLS)
    calls.of("OK").add(count)
    times: Series[Distribution] = Series(TIMES)
    times.of().add(0.5, trace, count)
    gauges: list[Series[Count]] = []
    for spec, number in ((BUSY, count), (READY, ready), (AWAY, away)):
        gauge: Series[Count] = Series(spec)
        gauge.of().add(number)
        gauges.append(gauge)
    return families([copied(calls), copied(times), *map(copied, gauges)])


def text(given: list[Metric], accept: str = "") -> str:
    return written(given, accept, "").body.decode()


def lines(given: list[Metric]) -> set[str]:
    return {each for each in text(given).splitlines() if not each.startswith("#")}


def test_plain_text_is_what_prometheus_has_always_read() -> None:
    page = written(worker(), "", "")
    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert page.encoding == ""
    found = page.body.decode()
    assert "# TYPE calls_total counter\n" in found
    assert 'calls_total{code="OK"} 1.0\n' in found
    assert 'times_seconds_bucket{le="0.1"} 0.0\ntimes_seconds_bucket{le="1.0"} 1.0\n' in found
    assert 'times_seconds_bucket{le="+Inf"} 1.0\n' in found
    assert "times_seconds_sum 0.5\n" in found


def test_openmetrics_carries_examples() -> None:
    found = text(worker(trace=PARENT), OPENMETRICS)
    assert '# {span_id="00f067aa0ba902b7",trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.5' in found
    assert found.endswith("# EOF\n")


@pytest.mark.parametrize(
    ("asked", "zipped"),
    [
        ("gzip", True),
        ("br, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_is_for_those_who_take_it(asked: str, zipped: bool) -> None:
    page = written(worker(), "", asked)
    assert page.encoding == ("gzip" if zipped else "")
    body = gzip.decompress(page.body) if zipped else page.body
    assert body.decode() == text(worker())


def test_the_process_says_what_it_takes() -> None:
    found = text(of_the_process())
    for name in ("process_cpu_seconds_total", "process_open_fds", "python_gc_collections_total"):
        assert f"\n{name}" in found


def test_workers_are_summed_but_for_what_has_no_sum() -> None:
    sums = Sums()
    found = lines(sums.of([worker(2), worker(3, ready=0, away=1)]))
    assert {
        'calls_total{code="OK"} 5.0',
        'times_seconds_bucket{le="1.0"} 5.0',
        "times_seconds_count 5.0",
        "times_seconds_sum 2.5",
        "busy 5.0",
        "llm_ready 0.0",
        "llm_limiter_away 1.0",
    } <= found


def test_what_a_worker_counted_that_is_gone_still_counts_and_what_it_held_does_not() -> None:
    sums = Sums()
    sums.departed(worker(2))
    sums.departed(worker(1))
    found = lines(sums.of([worker(4)]))
    assert 'calls_total{code="OK"} 7.0' in found
    assert "times_seconds_count 7.0" in found
    assert "busy 4.0" in found


def test_workers_are_read_from_what_they_write_with_their_newest_examples() -> None:
    read = [parsed(text(each, OPENMETRICS)) for each in (worker(1), worker(1, trace=PARENT))]
    found = text(Sums().of(read), OPENMETRICS)
    assert 'calls_total{code="OK"} 2.0' in found
    assert "times_seconds_count 2.0" in found
    assert found.count("trace_id=") == 1


def test_what_is_no_openmetrics_is_an_error() -> None:
    with pytest.raises(ValueError, match="EOF"):
        parsed("calls 1\n")
