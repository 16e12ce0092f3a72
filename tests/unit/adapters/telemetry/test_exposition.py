"""Metrics written down."""

import gzip

import pytest
from prometheus_client.core import Metric

from adapters.telemetry.prometheus.exposition import families, of_the_process, written
from adapters.telemetry.prometheus.series import Count, Distribution, Kind, Series, Spec, copied

CALLS = Spec(Kind.COUNTER, "calls", "Calls.", ("code",))
TIMES = Spec(Kind.HISTOGRAM, "times_seconds", "Times.", (), (0.1, 1.0))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def worker(trace: str = "") -> list[Metric]:
    calls: Series[Count] = Series(CALLS)
    calls.of("OK").add()
    times: Series[Distribution] = Series(TIMES)
    times.of().add(0.5, trace)
    return families([copied(calls), copied(times)])


def text(given: list[Metric], accept: str = "") -> str:
    return written(given, accept, "").body.decode()


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
