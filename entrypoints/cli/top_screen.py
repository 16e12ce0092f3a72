"""What `llmservice top` shows of a snapshot."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from entrypoints.cli.endings import one_line
from entrypoints.http.console.words import clock, name, number, route, seconds, usd

Json: TypeAlias = Mapping[str, Any]
_MOST_FLIGHTS, _MOST_ROUTES, _MOST_USED, _MOST_LAST = 20, 10, 8, 5


def screen(now: Json, target: str) -> RenderableType:
    """Return everything, the most pressing first."""
    return Group(_head(now, target), _flights(now), _used(now), _routes(now), _last(now))


def _head(now: Json, target: str) -> Text:
    server, rates, latency, first = (
        now["server"],
        now["now"],
        now["latency_s"],
        now["first_token_s"],
    )
    account = now["account"]
    head = Text(f"llmservice {_fit(server['version'])}", style="bold")
    head.append(f"  {target}  {clock(server['time'])} UTC  (q ends)\n", style="dim")
    if server["unready"]:
        head.append(f"takes no calls: {_fit(server['unready'])}\n", style="bold red")
    for each in now["workers"]:
        well = each["state"] == "ready"
        said = each["state"] if well else f"{each['state']} ({_fit(each['why'])})"
        head.append(f"worker {each['worker']} {said}", style="" if well else "bold red")
        head.append(f", {number(each['in_flight'])} in flight   ")
    head.append("\n" if now["workers"] else "")
    head.append(f"in flight {number(now['in_flight_total'])}   ")
    head.append(f"calls/s {number(rates['calls_per_s'])}   ")
    failing = rates["failures_per_s"]
    head.append(f"failures/s {number(failing)}   ", style="red" if failing else "")
    head.append(f"tokens/s {number(now['output_tokens_per_s'])}\n")
    for what, of in (("latency", latency), ("first token", first)):
        shares = "  ".join(f"{share} {seconds(of[share])}" for share in ("p50", "p90", "p99"))
        head.append(f"{what} {shares}   ")
    head.append(f"\nusage log: waiting {number(account['waiting'])}, ")
    head.append(f"lost {number(account['lost'])}", style="bold red" if account["lost"] else "")
    head.append(", database away" if account["away"] else "", style="bold red")
    return head


def _flights(now: Json) -> Table:
    table = _table("Calls in flight", "call", "caller", "provider/model")
    for title in ("tokens", "first", "age", "tries"):
        table.add_column(title, justify="right", no_wrap=True, min_width=7)
    for each in now["in_flight"][:_MOST_FLIGHTS]:
        asked = each["provider"] or each["model"]
        table.add_row(
            _fit(each["request_id"])[:20],
            _fit(each["caller"]),
            _fit(route(each["provider"], each["model"]) if asked else each["method"]),
            number(each["output_tokens"]),
            seconds(each["first_token_s"]),
            seconds(each["age_s"]),
            number(each["attempts"]),
        )
    more = now["in_flight_total"] - table.row_count
    if more > 0:
        table.caption = f"and {number(more)} more"
    return table


def _used(now: Json) -> Table:
    minutes = now["window_s"] // 60
    table = _table(f"Usage of {minutes} minutes", now["by"])
    for title in ("attempts", "failed", "input", "output", "cost"):
        table.add_column(title, justify="right", no_wrap=True, min_width=7)
    for each in now["used"][:_MOST_USED]:
        counts = [each[of] for of in ("attempts", "failed", "input_tokens", "output_tokens")]
        table.add_row(_fit(each["name"]), *map(number, counts), usd(each["cost_usd"]))
    return table


def _routes(now: Json) -> Table:
    table = _table("Routes", "route", "key", "state")
    for title in ("calls", "failing", "first"):
        table.add_column(title, justify="right", no_wrap=True, min_width=7)
    for each in now["routes"][:_MOST_ROUTES]:
        works = each["state"] == "closed"
        table.add_row(
            _fit(route(each["provider"], each["model"])),
            _fit(each["key"]) or "-",
            Text(
                "works" if works else f"{each['state']} {each['reason']} {seconds(each['wait_s'])}",
                style="green" if works else "red",
            ),
            number(each["in_flight"]),
            f"{each['failing']:.0%}",
            seconds(each["first_s"]),
        )
    return table


def _last(now: Json) -> Table:
    table = _table("Last calls", "ended", "call", "caller", "provider/model", "reason")
    table.add_column("tries", justify="right", no_wrap=True, min_width=7)
    table.add_column("took", justify="right", no_wrap=True, min_width=7)
    for each in now["last"][:_MOST_LAST]:
        by = " (operator)" if each["stopped"] else ""
        table.add_row(
            clock(each["began"] + each["duration_s"]),
            _fit(each["request_id"])[:20],
            _fit(each["caller"]),
            _fit(route(each["provider"], each["model"])),
            Text(f"{each['reason']}{by}", style="red") if each["reason"] else Text("served"),
            number(len(each["attempts"])),
            seconds(each["duration_s"]),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for each in columns:
        table.add_column(each, no_wrap=True, overflow="ellipsis")
    return table


def _fit(text: str) -> Text:
    """Return what strangers may have made up as plain text that a terminal does not obey."""
    return Text(name(one_line(text)))
