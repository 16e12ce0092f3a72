"""What several workers say of now, put together."""

import socket
from typing import Any

import attrs
import pytest

from entrypoints.board import NO_STATS
from entrypoints.crew.member import Member
from entrypoints.crew.merged import merged, workers
from entrypoints.crew.outbox import Outbox
from entrypoints.http.console.regions import REGIONS

LANE = {
    "provider": "openai", "model": "gpt", "key": "k1", "state": "closed", "wait_s": 0.0,
    "reason": "", "first_s": None, "failing": 0.0, "in_flight": 2,
}  # fmt: skip
LIMIT = {"subject": "openai", "kind": "parallel calls", "most": 10, "taken": 2, "waiting": 0}


def call(number: int, *, age_s: float = 0.0, began: float = 0.0) -> dict[str, Any]:
    return {"number": str(number), "age_s": age_s, "began": began, "duration_s": 1.0}


def member(worker: int, run: int, **changes: Any) -> Member:
    link, far = socket.socketpair()
    with link, far:
        one = Member(worker, run, 1 << 23, Outbox(link), lambda slots, shift_s: None, heard_s=5.0)
    one.unready = ""
    one.present = {
        "output_tokens_per_s": None,
        "in_flight_total": 0,
        "in_flight": [],
        "routes": [],
        "limits": [],
        "account": attrs.asdict(NO_STATS),
        "drains": {"reading_on": 0, "refused": 0},
        "last": [],
        **changes,
    }
    return one


def test_calls_are_in_one_list_and_known_by_the_start_of_their_worker() -> None:
    one = member(1, 1, in_flight_total=2, in_flight=[call(7, age_s=9), call(8, age_s=1)])
    other = member(2, 3, in_flight_total=1, in_flight=[call(7, age_s=5)], last=[call(4, began=8)])
    one.present = {**(one.present or {}), "last": [call(5, began=9), call(3, began=2)]}
    now = merged([one, other])
    assert now["in_flight_total"] == 3
    assert [(each["number"], each["worker"]) for each in now["in_flight"]] == [
        ("1-7", 1),
        ("3-7", 2),
        ("1-8", 1),
    ]
    assert [each["number"] for each in now["last"]] == ["1-5", "3-4", "1-3"]


def test_lanes_that_work_are_one_and_those_left_alone_are_each_workers_own() -> None:
    left_alone = {**LANE, "state": "open", "reason": "PROVIDER_OVERLOADED", "wait_s": 3.0}
    slow = {**LANE, "first_s": 0.4, "failing": 0.5, "in_flight": 1}
    now = merged([member(1, 1, routes=[LANE]), member(2, 2, routes=[slow])])
    (lane,) = now["routes"]
    assert (lane["in_flight"], lane["failing"], lane["first_s"]) == (3, 0.25, 0.4)
    now = merged([member(1, 1, routes=[LANE]), member(2, 2, routes=[left_alone])])
    assert [(each["state"], each["worker"]) for each in now["routes"]] == [
        ("open", 2),
        ("closed", 0),
    ]
    drawn = REGIONS["routes"](now)
    assert 'data-title="worker">2<' in drawn
    assert 'data-title="worker">all<' in drawn


def test_limits_are_each_workers_own_unless_another_keeps_them() -> None:
    full = {**LIMIT, "taken": 9}
    now = merged([member(1, 1, limits=[LIMIT]), member(2, 2, limits=[full])])
    assert [(each["worker"], each["taken"]) for each in now["limits"]] == [(2, 9), (1, 2)]
    assert merged([member(1, 1, limits=None), member(2, 2)])["limits"] is None


def test_the_account_is_summed_but_for_what_has_no_sum() -> None:
    stats = attrs.asdict(attrs.evolve(NO_STATS, written=3, lost=1, away=True, last_commit_s=0.2))
    other = attrs.asdict(attrs.evolve(NO_STATS, written=4, last_commit_s=0.1))
    rates = ({"output_tokens_per_s": 2.5}, {"output_tokens_per_s": None})
    now = merged([member(1, 1, account=stats, **rates[0]), member(2, 2, account=other, **rates[1])])
    assert now["account"] == {
        **stats, "written": 7, "lost": 1, "away": True, "last_commit_s": 0.2
    }  # fmt: skip
    assert now["output_tokens_per_s"] == 2.5
    assert merged([])["output_tokens_per_s"] is None


@pytest.mark.parametrize(
    ("silent", "unready", "expected"),
    [
        (False, "", ("ready", "")),
        (False, "draining: so it is", ("unready", "draining: so it is")),
        (True, "", ("silent", "no word for 7 s")),
    ],
)
def test_each_worker_is_told_of(silent: bool, unready: str, expected: tuple[str, str]) -> None:
    one = member(1, 1, in_flight_total=4)
    one.silent, one.unready = silent, unready
    first, second = workers({1: one}, 2, 12.0)
    assert (first["state"], first["why"]) == expected
    assert first["in_flight"] == 4
    assert second["state"] == "gone"
