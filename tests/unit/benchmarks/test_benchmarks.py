"""The benchmarks measure what they say: the small ones are run once, of the others their parts."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import codec, http_load, layers, upstream
from tests.benchmarks.contestants import direct
from tests.benchmarks.machine import other_core
from tests.benchmarks.start import Imported, parsed
from tests.benchmarks.table import Figures, in_turn


def test_a_ratio_is_the_median_of_the_ratios_of_each_round() -> None:
    figures = Figures()
    for ours, theirs in ((10.0, 5.0), (30.0, 10.0), (100.0, 10.0)):
        figures.add("load", "ours", {"calls/s": ours, "CPU us": 1.0})
        figures.add("load", "theirs", {"calls/s": theirs})
    assert figures.ratio("load", "ours", "theirs") == 3.0
    assert figures.ratio("load", "ours", "nobody") is None


def test_a_row_says_median_spread_and_ratio() -> None:
    figures = Figures()
    for ours, theirs in ((1.0, 2.0), (3.0, 6.0), (2.0, 4.0)):
        figures.add("load", "ours", {"s": ours})
        figures.add("load", "theirs", {"s": theirs})
    assert list(figures.lines("ours")) == [
        "load",
        "  ours      1.00 x   s 2.00 (1.00 to 3.00)",
        "  theirs    2.00 x   s 4.00 (2.00 to 6.00)",
    ]


def test_the_spread_of_many_rounds_is_their_middle_half() -> None:
    figures = Figures()
    for each in (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 800.0):
        figures.add("load", "ours", {"s": each})
    assert list(figures.lines("ours"))[1].endswith("s 4.00 (2.00 to 6.00)")


def test_everyone_comes_first_once_and_the_first_round_is_as_listed() -> None:
    orders = [list(in_turn("abc", turn)) for turn in (1, 2, 3, 4)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_what_is_saved_says_where_it_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = Figures()
    figures.add("load", "ours", {"s": 1.0})
    figures.report("some", "ours", tmp_path / "deep" / "some.json", provider="nginx")
    saved = json.loads((tmp_path / "deep" / "some.json").read_text())
    assert {"cpu", "cores", "load", "python", "trio", "provider"} <= saved["machine"].keys()
    assert saved["medians"] == {"load": {"ours": {"s": 1.0}}}
    assert str(tmp_path) in capsys.readouterr().out


def test_every_provider_has_streams_to_be_measured_with() -> None:
    figures = codec.measure(1, 0.0)
    assert len(figures.found) == len(codec.PROVIDERS)
    for by_way in figures.found.values():
        once, cut = (by_way[way] for way in codec.WAYS)
        assert once["events a stream"] == cut["events a stream"]
        assert once["events a stream"][0] > 2


def test_a_stream_that_is_cut_after_each_event_is_the_same_stream() -> None:
    for body in (b"data: 1\n\ndata: 2\n\n", b"data: 1\r\n\r\ndata: 2\r\n\r\n"):
        pieces = codec.one_read_each(body)
        assert len(pieces) == 2
        assert b"".join(pieces) == body


async def test_each_layer_costs_something_and_all_of_them_answer() -> None:
    figures = await layers.measure(1, 10, 4)
    (rows,) = figures.found.values()
    assert next(iter(rows)) == layers.ALONE
    assert all(row["us a call"][0] > 0 for row in rows.values())
    whole_way = list(rows.values())[-1]["us a call"][0]
    assert whole_way > rows[layers.ALONE]["us a call"][0]


def test_the_provider_answers_the_same_without_nginx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> None:
        return None

    monkeypatch.setattr(upstream, "nginx_program", nowhere)
    with upstream.running(other_core(), tmp_path) as running:
        asked: dict[str, Any] = {}
        for kind in ("whole", "burst", "brisk"):
            asked[kind] = direct(running).ask(kind, 3, 0.0, None)
    stream = b"".join(upstream.stream_events())
    sizes = {"whole": len(upstream.whole_body()), "burst": len(stream), "brisk": len(stream)}
    assert {kind: each.size for kind, each in asked.items()} == {
        kind: 3 * size for kind, size in sizes.items()
    }
    assert all(each.calls == 3 and not each.failed for each in asked.values())


def test_the_interpreters_stopwatch_is_read() -> None:
    told = [
        "import time: self [us] | cumulative | imported package",
        "import time:       100 |        100 |     zipimport",
        "import time:      2500 |       4500 | trio._core",
        '{"message": "serving"}',
    ]
    assert parsed(told) == [Imported("zipimport", 0.1, 0.1), Imported("trio._core", 2.5, 4.5)]


def test_one_that_hangs_does_not_hold_up_who_is_asked_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_load, "SILENCE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        found = http_load.load(port, http_load.post("/", b"{}"), connections=3, seconds=0)
    assert (found.calls, found.failed) == (0, 3)
