"""The parts of the page that change, each made from a snapshot."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from entrypoints.http.console.calls import in_flight, last
from entrypoints.http.console.charts import Chart, figure
from entrypoints.http.console.markup import Html, joined, tag
from entrypoints.http.console.tables import Column, of_workers, table
from entrypoints.http.console.words import name, number, route, seconds, usd

Json: TypeAlias = Mapping[str, Any]


def summary(now: Json) -> Html:
    """Return the figures to look at first."""
    tiles = (
        ("in flight", number(now["in_flight_total"]), ""),
        ("calls a second", number(now["now"]["calls_per_s"]), ""),
        ("failures a second", number(now["now"]["failures_per_s"]), "bad"),
        ("tokens a second", number(now["output_tokens_per_s"]), ""),
        ("latency p50", seconds(now["latency_s"]["p50"]), ""),
        ("latency p99", seconds(now["latency_s"]["p99"]), ""),
        ("first token p50", seconds(now["first_token_s"]["p50"]), ""),
        ("first token p99", seconds(now["first_token_s"]["p99"]), ""),
    )
    state = now["server"]["unready"]
    return joined(
        tag("p", f"The server takes no calls: {state}", class_="alarm") if state else "",
        tag(
            "dl",
            *(
                tag("div", tag("dt", what), tag("dd", value, class_=_alarming(kind, value)))
                for what, value, kind in tiles
            ),
            class_="tiles",
        ),
        _workers(now["workers"]),
    )


def _workers(workers: Sequence[Json]) -> Html:
    """Return how the workers are, where several are the server."""
    if not workers:
        return Html()
    columns: Sequence[Column] = (
        Column("worker", lambda each: f"worker {each['worker']}", head=True),
        Column("state", lambda each: tag("span", each["state"], class_=_tone(each["state"]))),
        Column("why", lambda each: each["why"] or "-"),
        Column("calls in flight", lambda each: number(each["in_flight"]), number=True),
    )
    return table("Workers", columns, workers, none="")


def _tone(state: str) -> str:
    return f"tag {'good' if state == 'ready' else 'bad'}"


def _alarming(kind: str, value: str) -> str | None:
    return kind if kind and value != "0" else None


def charts(now: Json) -> Html:
    """Return what happened over time."""
    series, step_s, by = now["series"], now["step_s"], now["by"]
    drawn = (
        Chart(
            key="throughput",
            title="Calls a second",
            lines={"all": series["calls_per_s"], "failed": series["failures_per_s"]},
            step_s=step_s,
            said=number,
        ),
        Chart(
            key="latency",
            title="Latency of served calls",
            lines=series["latency_s"],
            step_s=step_s,
            said=seconds,
        ),
        Chart(
            key="first",
            title="Time to first token",
            lines=series["first_token_s"],
            step_s=step_s,
            said=seconds,
        ),
        Chart(
            key="tokens",
            title=f"Output tokens a second, by {by}",
            lines=series["output_tokens_per_s"],
            step_s=step_s,
            said=number,
        ),
        Chart(
            key="cost",
            title=f"Cost a minute, by {by}",
            lines=series["cost_usd_per_min"],
            step_s=step_s,
            said=usd,
        ),
    )
    return tag("div", *map(figure, drawn), class_="charts")


def used(now: Json) -> Html:
    """Return tokens and money by provider, model or caller."""
    columns: Sequence[Column] = (
        Column(now["by"], lambda each: name(each["name"]), head=True),
        Column("attempts", lambda each: number(each["attempts"]), number=True),
        Column("failed", lambda each: number(each["failed"]), number=True),
        Column("input tokens", lambda each: number(each["input_tokens"]), number=True),
        Column("output tokens", lambda each: number(each["output_tokens"]), number=True),
        Column("cost", lambda each: usd(each["cost_usd"]), number=True),
    )
    return table(f"Usage by {now['by']}", columns, now["used"], none="Nothing was used.")


def failures(now: Json) -> Html:
    """Return why calls failed, and whose fault it was."""
    most = max((each["count"] for each in now["failures"]), default=1)
    columns: Sequence[Column] = (
        Column("fault of", lambda each: _blamed(each["blame"])),
        Column("reason", lambda each: tag("code", name(each["reason"])), head=True),
        Column("calls", lambda each: number(each["count"]), number=True),
        Column("", lambda each: _bar(each["count"] / most), label="share"),
    )
    return table("Failures", columns, now["failures"], none="No call has failed.")


def _blamed(blame: str) -> Html:
    return tag("span", blame, class_=f"tag {blame if blame in _BLAMES else ''}".strip())


_BLAMES = frozenset({"caller", "policy", "provider", "service"})


def _bar(share: float) -> Html:
    return tag(
        "svg",
        tag("rect", width=f"{max(share, 0.01) * 100:.1f}", height="10"),
        viewBox="0 0 100 10",
        class_="bar",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def routes(now: Json) -> Html:
    """Return how each route and key does."""
    columns: Sequence[Column] = (
        Column("route", lambda each: route(each["provider"], each["model"]), head=True),
        Column("key", lambda each: name(each["key"]) or "-"),
        *of_workers(now["routes"]),
        Column("state", _state),
        Column("calls", lambda each: number(each["in_flight"]), number=True),
        Column("failing", lambda each: f"{each['failing']:.0%}", number=True),
        Column("first token", lambda each: seconds(each["first_s"]), number=True),
    )
    return table("Routes", columns, now["routes"], none="No route has been used yet.")


def _state(each: Json) -> Html:
    state = each["state"]
    if state == "closed":
        return tag("span", "works", class_="tag good")
    word = {"open": "left alone", "half_open": "being tried", "resting": "key rests"}[state]
    wait = f", {seconds(each['wait_s'])} more" if each["wait_s"] else ""
    return joined(tag("span", word, class_="tag bad"), f" {each['reason']}{wait}")


def limits(now: Json) -> Html:
    """Return what of each limit is taken."""
    found = now["limits"]
    if found is None:
        return tag("p", "The limits are kept in Redis, and shown here only where they refuse.")
    columns: Sequence[Column] = (
        Column("whose", lambda each: name(each["subject"]), head=True),
        Column("limit", lambda each: each["kind"]),
        *of_workers(found),
        Column("taken", lambda each: _amount(each, "taken"), number=True),
        Column("of", lambda each: _amount(each, "most"), number=True),
        Column("", lambda each: _bar(min(1.0, each["taken"] / each["most"])), label="share"),
        Column("waiting", lambda each: number(each["waiting"]), number=True),
    )
    return table("Limits in use", columns, found, none="No limit is in use.")


def _amount(each: Json, what: str) -> str:
    return usd(each[what] / 1e9) if "dollars" in each["kind"] else number(each[what])


def account(now: Json) -> Html:
    """Return whether the usage log is well."""
    stats, drains = now["account"], now["drains"]
    rows = (
        ("lost records", number(stats["lost"]), bool(stats["lost"])),
        ("waiting to be written", number(stats["waiting"]), False),
        ("database", "away" if stats["away"] else "there", stats["away"]),
        ("in the journal", f"{number(stats['journal_bytes'])} bytes", bool(stats["journal_bytes"])),
        ("written", number(stats["written"]), False),
        ("last commit", seconds(stats["last_commit_s"]), False),
        ("answers read on after their caller left", number(drains["reading_on"]), False),
    )
    return tag(
        "dl",
        *(
            tag("div", tag("dt", what), tag("dd", value, class_="bad" if alarming else None))
            for what, value, alarming in rows
        ),
        class_="facts",
    )


REGIONS: Mapping[str, Callable[[Json], Html]] = {
    "summary": summary,
    "flights": in_flight,
    "charts": charts,
    "used": used,
    "failures": failures,
    "routes": routes,
    "limits": limits,
    "account": account,
    "last": last,
}
"""Name -> how it is made."""
