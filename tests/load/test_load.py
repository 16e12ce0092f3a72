"""The load that is put on the server, and what is made of it."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.load.plan import DEFAULT_MIX, KINDS, Call, mix_of, plan
from tests.load.play import Made
from tests.load.report import write
from tests.load.server import Sample
from tests.load.summary import percentiles, summary
from tests.support.cli_runs import ROOT

SAMPLES = [Sample(0.0, 80.0, 1.0), Sample(2.0, 90.0, 2.0)]


def made(kind: str, code: str, due_s: float = 0.0, total_s: float = 0.41) -> Made:
    (call,) = plan(1, 1, {kind: 1}, seed=1)
    call = Call(due_s, call.kind, call.model, call.streamed, call.cancel_s)
    return Made(call, code, 0.0, None, total_s, 0)


def test_calls_come_at_the_rate_in_the_shares_and_the_same_for_a_seed() -> None:
    calls = plan(100, 120, mix_of(DEFAULT_MIX), seed=7)
    assert calls == plan(100, 120, mix_of(DEFAULT_MIX), seed=7)
    assert len(calls) == 12_000
    assert all(before.due_s <= after.due_s for before, after in pairwise(calls))
    assert 0 <= calls[0].due_s <= calls[-1].due_s <= 120
    assert 1_000 < sum(call.kind == "cancel" for call in calls) < 1_400
    assert all((call.cancel_s is not None) == (call.kind == "cancel") for call in calls)


@pytest.mark.parametrize("text", ["unary", "unary=x", "nothing=1", "unary=-1", "unary=0", ""])
def test_a_mix_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        mix_of(text)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_values_that_were_measured_in_their_order(values: list[float]) -> None:
    found = list(percentiles(values).values())
    assert found == sorted(found)
    assert set(found) <= set(values)
    assert found[-1] == max(values)


def test_a_run_that_went_as_planned_has_no_fault() -> None:
    run = [made("unary", "OK"), made("cancel", "CANCELLED", 1.0), made("fail", "INVALID_ARGUMENT")]
    found = summary(run, SAMPLES, {"served": 1, "cancelled": 1, "failed": 1}, 1.0)
    assert found.faults == []
    assert found.cpu_share() == 0.5
    assert [(each.due, each.ended) for each in found.windows] == [(2, 2), (1, 1)]


@pytest.mark.parametrize(
    ("kind", "code", "records", "said"),
    [
        ("stream", "UNAVAILABLE", {}, "1 calls ended as nobody planned"),
        ("unary", "OK", {}, "1 calls were served, but 0 records say so"),
        ("fail", "INVALID_ARGUMENT", {"failed": 2}, "1 calls were refused, but 2 records say so"),
        ("cancel", "CANCELLED", {"cancelled": 2}, "2 records of 1 calls"),
    ],
)
def test_what_went_wrong_is_said(
    kind: str, code: str, records: dict[str, int], said: str, tmp_path: Path
) -> None:
    assert kind in KINDS
    found = summary([made(kind, code)], SAMPLES, records, 1.0)
    assert said in found.faults
    if found.added_ms:
        write(tmp_path / "load.html", found, {"rate": "<1>"})
        page = (tmp_path / "load.html").read_text()
        assert said in page
        assert "&lt;1&gt;" in page


def test_a_short_load_is_played_and_reported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.load", "--duration=1.5", "--rate=40", f"--out={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "load.json").read_text())
    assert found["calls"] == 60
    assert found["faults"] == []
    page = (tmp_path / "load.html").read_text()
    assert page.count("<svg") == 6
    # Nothing is fetched from anywhere when it is looked at.
    assert "src=" not in page
    assert "<script" not in page
