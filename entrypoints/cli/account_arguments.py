"""The command line of what works on the account's database: `usage` and `keys`."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

from entrypoints.cli.options import add_command, add_config, add_optional_target

Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_WHEN = "a date, a date-time with an offset, or %s"


def add_usage(commands: Subcommands) -> None:
    """Add `usage`."""
    usage = add_command(
        commands,
        "usage",
        "tokens, cost and outcomes",
        "Sums up the account: calls to providers, tokens, cost and how they ended. Reads the database that\n"
        "the configuration names, beside a running server or without one; with --target a running server is\n"
        "asked, which tells callers what is theirs, and everything to those with the scope usage.read_all.\n"
        "Records are there 0.2 s after a call has ended.",
        "  llmservice usage --since 7d --by day\n"
        "  llmservice usage --by caller,model --label team=blue\n"
        "  llmservice usage --since 2026-11-01 --by label:team --json | jq -r .cost_usd\n"
        "  llmservice usage --target https://llm.example.org --token-file token",
    )
    add_config(usage)
    usage.add_argument(
        "--since",
        metavar="WHEN",
        default="24h",
        help=f"{_WHEN % 'how long ago: 90m, 24h, 7d, 4w'} (default: 24h)",
    )
    usage.add_argument("--until", metavar="WHEN", help="the same (default: now)")
    usage.add_argument(
        "--by",
        metavar="WHAT,...",
        action="append",
        help="one line for each of: provider, model, caller, outcome, day, hour, label:KEY; total: one line"
        " in all; may be said several times (default: provider,model)",
    )
    usage.add_argument("--caller", metavar="NAME", help="only this caller's")
    usage.add_argument(
        "--label",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="only calls with this label; may be said several times",
    )
    usage.add_argument("--json", action="store_true", help="one group per line, as JSON")
    add_optional_target(
        usage, "ask this server in place of the database: HOST:PORT, https://HOST:PORT, unix:PATH"
    )


def add_keys(commands: Subcommands) -> None:
    """Add `keys` and its actions."""
    keys = add_command(
        commands,
        "keys",
        "who may call, and how much",
        "Callers' keys, in the database of the configuration; a running server that uses the same database\n"
        "follows within 2 s. Once there has been a key, calls without a valid one are refused, also when\n"
        "all are revoked. A token is shown once, when it is made; what is kept is its SHA-256.\n"
        "Calls that are running when a key is revoked or changed are finished as they began.",
        "  llmservice keys create alice --allow 'openai/*' --budget-usd-per-day 5 > alice.token\n"
        "  llmservice keys create ops --scope usage.read_all --expires 90d\n"
        "  llmservice keys set alice --tokens-per-minute 100000 --expires none\n"
        "  llmservice keys rotate alice > alice.token\n"
        "  llmservice keys revoke alice\n"
        "  llmservice keys list",
    )
    actions = keys.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    create = _action(actions, "create", "make a key; its token is all that goes to stdout")
    _add_limits(create)
    changed = _action(actions, "set", "change limits, scopes or expiry; what is not named stays")
    _add_limits(changed)
    _action(actions, "rotate", "replace the token by a new one; lifts a revocation")
    _action(actions, "revoke", "let nobody in by this key any more; its name stays taken")
    listed = actions.add_parser("list", help="show the keys", allow_abbrev=False)
    add_config(listed)
    listed.add_argument("--json", action="store_true", help="one key per line, as JSON")


def _action(actions: Subcommands, name: str, summary: str) -> argparse.ArgumentParser:
    action = actions.add_parser(
        name, help=summary, description=summary.capitalize() + ".", allow_abbrev=False
    )
    action.add_argument("name", metavar="NAME", help="of the caller, as records and logs tell it")
    add_config(action)
    return action


def _add_limits(action: argparse.ArgumentParser) -> None:
    add = _optional(action)
    action.add_argument(
        "--scope",
        metavar="SCOPE",
        action="append",
        help="what the caller may do beside calling models: usage.read_all (everybody's records),"
        " metrics.read, console (look at it from other machines), console.cancel (and cancel anybody's"
        " calls); may be said several times; none: nothing",
    )
    action.add_argument(
        "--allow",
        metavar="GLOB",
        action="append",
        help="provider/model that may be called: 'openai/*'; may be said several times; '*': all",
    )
    add("--requests-per-minute", "N", "calls begun")
    add("--tokens-per-minute", "N", "input and output together")
    add("--parallel-calls", "N", "calls in flight at once")
    add("--budget-usd-per-day", "USD", "money a UTC day, e.g. 12.50")
    add("--budget-usd-per-month", "USD", "money a UTC calendar month")
    add("--expires", "WHEN", _WHEN % "how long from now: 12h, 30d")


def _optional(action: argparse.ArgumentParser) -> Callable[[str, str, str], object]:
    return lambda option, metavar, what: action.add_argument(
        option, metavar=metavar, help=f"{what}; none: no bound"
    )
