"""What several workers say of now, as one server's: lists put together, sums where a sum means something."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from entrypoints.board import NO_STATS
from entrypoints.crew.member import Member
from entrypoints.http.console.snapshot import LAST_SHOWN, MOST_FLIGHTS, MOST_LIMITS, MOST_ROUTES

Json: TypeAlias = Mapping[str, Any]
Said: TypeAlias = Sequence[tuple[Member, Json]]
_MOST_OF = frozenset({"away", "last_commit_s"})


def merged(members: Iterable[Member]) -> dict[str, Any]:
    """Return what `members` said last, with the worker in each line; see `snapshot.present`."""
    said = [(each, each.present) for each in members if each.present is not None]
    rates = [now["output_tokens_per_s"] for _, now in said]
    known = [each for each in rates if each is not None]
    return {
        "output_tokens_per_s": sum(known) if known else None,
        "in_flight_total": sum(now["in_flight_total"] for _, now in said),
        "in_flight": _listed(said, "in_flight", lambda each: -each["age_s"])[:MOST_FLIGHTS],
        "routes": _routes(said)[:MOST_ROUTES],
        "limits": _limits(said),
        "account": _summed(attrs.asdict(NO_STATS), (now["account"] for _, now in said)),
        "drains": _summed({"reading_on": 0, "refused": 0}, (now["drains"] for _, now in said)),
        "last": _listed(said, "last", lambda each: -(each["began"] + each["duration_s"]))[
            :LAST_SHOWN
        ],
    }


def workers(members: Mapping[int, Member], count: int, now_s: float) -> list[dict[str, Any]]:
    """Return how each of `count` workers is; `members` are those that run."""
    return [_worker(number, members.get(number), now_s) for number in range(1, count + 1)]


def _worker(number: int, member: Member | None, now_s: float) -> dict[str, Any]:
    if member is None:
        return {"worker": number, "state": "gone", "why": "it is started again", "in_flight": 0}
    state, why = ("unready", member.unready) if member.unready else ("ready", "")
    if member.silent:
        state, why = "silent", f"no word for {now_s - member.heard_s:.0f} s"
    in_flight = 0 if member.present is None else member.present["in_flight_total"]
    return {"worker": number, "state": state, "why": why, "in_flight": in_flight}


def _listed(said: Said, what: str, order: Callable[[Json], float]) -> list[dict[str, Any]]:
    """Return the calls of all workers; their numbers say which start of which worker has them."""
    found = [
        {**each, "number": f"{member.run}-{each['number']}", "worker": member.worker}
        for member, now in said
        for each in now[what]
    ]
    return sorted(found, key=order)


def _routes(said: Said) -> list[dict[str, Any]]:
    """Return the lanes of all workers: those that work in one line, the others each with its worker."""
    working: dict[tuple[str, str, str], list[Json]] = {}
    left_alone: list[dict[str, Any]] = []
    for member, now in said:
        for each in now["routes"]:
            if each["state"] == "closed":
                lane = (each["provider"], each["model"], each["key"])
                working.setdefault(lane, []).append(each)
            else:
                left_alone.append({**each, "worker": member.worker})
    together = [_together(each) for each in working.values()]
    return [
        *sorted(left_alone, key=_lane),
        *sorted(together, key=_lane),
    ]


def _lane(each: Json) -> tuple[str, str, str]:
    return each["provider"], each["model"], each["key"]


def _together(lanes: Sequence[Json]) -> dict[str, Any]:
    """Return one lane of several workers: what they have in flight is summed, what they measure averaged."""
    firsts = [each["first_s"] for each in lanes if each["first_s"] is not None]
    return {
        **lanes[0],
        "in_flight": sum(each["in_flight"] for each in lanes),
        "failing": sum(each["failing"] for each in lanes) / len(lanes),
        "first_s": sum(firsts) / len(firsts) if firsts else None,
        "worker": 0,
    }


def _limits(said: Said) -> list[dict[str, Any]] | None:
    """Return the limits in use, each worker's own, the fullest first; None: another keeps them."""
    if any(now["limits"] is None for _, now in said):
        return None
    found = [{**each, "worker": member.worker} for member, now in said for each in now["limits"]]
    found.sort(key=lambda each: -each["taken"] / each["most"])
    return found[:MOST_LIMITS]


def _summed(nothing: Json, all_: Iterable[Json]) -> dict[str, Any]:
    found = dict(nothing)
    for one in all_:
        for name, value in one.items():
            before = found[name]
            found[name] = max(before, value) if name in _MOST_OF else before + value
    return found
