"""Sums over the account: a table, bars on a terminal, or JSON lines.

Law: what nobody knows the price of is never shown as free.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from entrypoints.cli.endings import one_line
from entrypoints.cli.table import print_table
from entrypoints.settings.money import usd
from ports.usage_query import Dimension, Grouping, LabelKey, UsageFilter, UsageSummary

_BAR = 30
_UNKNOWN = "unknown"


def print_report(
    found: Sequence[UsageSummary], by: Sequence[Grouping], wanted: UsageFilter, *, as_json: bool
) -> None:
    """Print the sums `found`, one for each group."""
    if as_json:
        for each in found:
            print(json.dumps(plain(each), ensure_ascii=False))
        return
    print(_period(wanted))
    if not any(each.attempts for each in found):
        print("nothing was recorded")
        return
    _print_sums(found, by)
    if sys.stdout.isatty() and len(found) > 1:
        _print_bars(found, by)


def plain(each: UsageSummary) -> dict[str, Any]:
    """Return one sum as JSON has it: money as exact decimals, null where it is not known."""
    group = {name_of(dimension): value for dimension, value in each.group.items()}
    return {
        **group,
        "calls": each.attempts,
        "served": each.served,
        "input_tokens": each.input_tokens,
        "output_tokens": each.output_tokens,
        "cache_read_tokens": each.cache_read_tokens,
        "cache_write_tokens": each.cache_write_tokens,
        "reasoning_tokens": each.reasoning_tokens,
        "cost_usd": None if _unknown(each) else usd(each.cost_nano_usd),
        "calls_of_unknown_cost": each.unpriced,
        "seconds": round(each.total_s, 6),
    }


def name_of(dimension: Grouping) -> str:
    """Return how `dimension` is said."""
    return (
        f"label:{dimension.key}" if isinstance(dimension, LabelKey) else Dimension(dimension).value
    )


def cost_of(each: UsageSummary) -> str:
    """Return what is known of the cost, and how many calls are not in it."""
    if _unknown(each):
        return _UNKNOWN
    known = usd(each.cost_nano_usd)
    return f"{known} + {each.unpriced:,} {_UNKNOWN}" if each.unpriced else known


def _unknown(each: UsageSummary) -> bool:
    return each.unpriced > 0 and each.cost_nano_usd == 0


def _period(wanted: UsageFilter) -> str:
    since = _moment(wanted.start_s)
    return f"since {since}" if wanted.end_s is None else f"{since} to {_moment(wanted.end_s)}"


def _moment(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


_COLUMNS: Mapping[str, Callable[[UsageSummary], str]] = {
    "calls": lambda each: f"{each.attempts:,}",
    "served": lambda each: f"{each.served:,}",
    "input": lambda each: f"{each.input_tokens:,}",
    "output": lambda each: f"{each.output_tokens:,}",
    "cache read": lambda each: f"{each.cache_read_tokens:,}",
    "cache write": lambda each: f"{each.cache_write_tokens:,}",
}
_SPARED = frozenset({"cache read", "cache write"})
"""Left out where they are 0 all the way down."""


def _print_sums(found: Sequence[UsageSummary], by: Sequence[Grouping]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for dimension in by:
        table.add_column(name_of(dimension), no_wrap=True)
    columns = {
        name: [cell(each) for each in found]
        for name, cell in _COLUMNS.items()
        if name not in _SPARED or any(cell(each) != "0" for each in found)
    }
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    # On a narrow terminal a price is folded, and never cut.
    table.add_column("USD", justify="right", overflow="fold")
    for number, each in enumerate(found):
        names = (one_line(each.group[dimension]) or "-" for dimension in by)
        table.add_row(*names, *(cells[number] for cells in columns.values()), cost_of(each))
    print_table(table)


def _print_bars(found: Sequence[UsageSummary], by: Sequence[Grouping]) -> None:
    """Draw cost where any is known, else tokens."""
    from rich.table import Table

    costs = [each.cost_nano_usd for each in found]
    tokens = [each.input_tokens + each.output_tokens for each in found]
    sizes, what = (costs, "USD") if any(costs) else (tokens, "tokens")
    most = max(sizes)
    if not most:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column(what, no_wrap=True)
    for each, size in zip(found, sizes, strict=True):
        name = " ".join(one_line(each.group[dimension]) or "-" for dimension in by)
        # Whatever there is, is seen.
        table.add_row(name, "█" * max(round(_BAR * size / most), 1 if size else 0))
    print()
    print_table(table)
