"""The list of keys, as a table or as JSON lines."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.storage.sql.caller_keys import CallerKey
from entrypoints.cli.table import print_table
from entrypoints.settings.money import usd


def print_keys(keys: Sequence[CallerKey], *, as_json: bool) -> None:
    """Print `keys`; nothing tells what their tokens are."""
    now_s = time.time()
    if as_json:
        for key in keys:
            print(json.dumps(_plain(key, now_s), ensure_ascii=False))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("name", "state", "created", "expires"):
        table.add_column(name, no_wrap=True)
    for name in ("requests/min", "tokens/min", "parallel", "USD/day", "USD/month"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("allow")
    table.add_column("scopes")
    for key in keys:
        caller, limits = key.known.caller, key.known.caller.limits
        table.add_row(
            caller.name,
            _state(key, now_s),
            _moment(key.created_s)[:10],
            "-" if key.known.expires_s is None else _moment(key.known.expires_s)[:16],
            _count(limits.requests_per_minute),
            _count(limits.tokens_per_minute),
            _count(limits.parallel_calls),
            _money(limits.budget_nano_usd_per_day) or "-",
            _money(limits.budget_nano_usd_per_month) or "-",
            " ".join(caller.allow) or "*",
            " ".join(sorted(caller.scopes)) or "-",
        )
    print_table(table)


def _plain(key: CallerKey, now_s: float) -> dict[str, Any]:
    caller, limits, expires_s = key.known.caller, key.known.caller.limits, key.known.expires_s
    return {
        "name": caller.name,
        "state": _state(key, now_s),
        "scopes": sorted(caller.scopes),
        "allow": list(caller.allow) or ["*"],
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "parallel_calls": limits.parallel_calls,
        "budget_usd_per_day": _money(limits.budget_nano_usd_per_day),
        "budget_usd_per_month": _money(limits.budget_nano_usd_per_month),
        "created": _moment(key.created_s),
        "expires": None if expires_s is None else _moment(expires_s),
        "revoked": None if key.revoked_s is None else _moment(key.revoked_s),
    }


def _state(key: CallerKey, now_s: float) -> str:
    if key.revoked_s is not None:
        return "revoked"
    expires_s = key.known.expires_s
    return "expired" if expires_s is not None and expires_s <= now_s else "in force"


def _moment(time_s: float) -> str:
    return datetime.fromtimestamp(int(time_s), UTC).isoformat().replace("+00:00", "Z")


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _money(amount: int | None) -> str | None:
    return None if amount is None else usd(amount)
