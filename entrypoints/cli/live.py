"""`llmservice check --live` and `llmservice models --live`: what the providers say themselves.

Laws: one line a provider as it is done, on stderr; nothing is spent unless `--spend` says so; no secret is
printed.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence

import anyio

from entrypoints.cli.endings import DONE, INTERRUPTED, BadUsage, OperationFailed, one_line
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.table import print_table
from entrypoints.limit_store import LimitsUnusable, redis_silence
from entrypoints.live.asking import ask_all
from entrypoints.live.each_key import Proof, for_a_token, for_nothing
from entrypoints.live.verdict import Verdict
from entrypoints.live.whom import open_askings
from entrypoints.settings.limits import LimitSettings
from entrypoints.settings.tree import Settings

PATIENCE_S = 60.0
_NAMED = 5
"""Models that a remark names; a mock or a proxy lacks dozens."""


def check(settings: Settings, asked: argparse.Namespace) -> int:
    """Ask each provider of `settings`, and print a row for each.

    Raises:
        OperationFailed: One of them cannot be called, or limits are kept in a Redis that does not answer.
    """
    verdicts = verdicts_on(settings, "", for_a_token if asked.spend else for_nothing)
    if verdicts is None:
        return INTERRUPTED
    if asked.json:
        for verdict in verdicts:
            print(json.dumps(_as_json(verdict), ensure_ascii=False))
    else:
        show(verdicts)
    sys.stdout.flush()
    _check_limits(settings.limits)
    fail_for(verdicts)
    return DONE


def _check_limits(settings: LimitSettings) -> None:
    if settings.store != "redis":
        return
    try:
        silence = anyio.run(redis_silence, settings, os.environ, backend="trio")
        print(one_line(f"limits: {silence or 'good'}"), file=sys.stderr, flush=True)
    except LimitsUnusable as error:
        silence = f"limits cannot be kept: {error}"
    if silence:
        raise OperationFailed(silence)


def verdicts_on(settings: Settings, only: str, proof: Proof) -> Sequence[Verdict] | None:
    """Return the verdicts on the providers of `settings`; None if that was interrupted.

    Args:
        settings: Whom to ask.
        only: One of them; empty: all.
        proof: Of a provider that has no list of models.

    Raises:
        BadUsage: There is nobody called `only`.
    """
    return anyio.run(_ask, settings, only, proof, backend="trio")


async def _ask(settings: Settings, only: str, proof: Proof) -> Sequence[Verdict] | None:
    verdicts: Sequence[Verdict] | None = None
    async with (
        interruptible(signal.SIGINT),
        open_askings(settings, os.environ, proof) as askings,
    ):
        if only and only not in askings:
            raise BadUsage(f"no provider {only!r} can be asked; there are: {', '.join(askings)}")
        chosen = {only: askings[only]} if only else askings
        verdicts = await ask_all(chosen, _tell, PATIENCE_S)
    return verdicts


def fail_for(verdicts: Sequence[Verdict]) -> None:
    """Fail if something is wrong with one of the providers, or there is none.

    Raises:
        OperationFailed: With their names.
    """
    wrong = [each.provider for each in verdicts if not each.good]
    if wrong:
        raise OperationFailed(f"{len(wrong)} of {len(verdicts)} failed: {', '.join(wrong)}")
    if not any(each.models or each.note for each in verdicts):
        raise OperationFailed("no provider can be called")


def _tell(verdict: Verdict) -> None:
    took = "" if verdict.latency_s is None else f", {verdict.latency_s:.2f} s"
    said = verdict.problem or verdict.note or f"good{took}"
    print(one_line(f"{verdict.provider}: {said}"), file=sys.stderr, flush=True)


def _as_json(verdict: Verdict) -> dict[str, object]:
    return {
        "provider": verdict.provider,
        "ok": verdict.good,
        "problem": verdict.problem,
        "address": verdict.address,
        "key": verdict.key,
        "models": [each.name for each in verdict.models],
        "missing": list(verdict.missing),
        "unavailable": list(verdict.unavailable),
        "latency_s": verdict.latency_s,
        "note": verdict.note,
    }


def show(verdicts: Sequence[Verdict]) -> None:
    """Print a row for each provider."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("provider", "", "address", "key"):
        table.add_column(name, no_wrap=True)
    for name in ("models", "latency"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("remarks")
    for each in verdicts:
        table.add_row(
            one_line(each.provider),
            "ok" if each.good else "FAILED",
            one_line(each.address),
            one_line(each.key),
            str(len(each.models)) if each.models else "-",
            "-" if each.latency_s is None else f"{each.latency_s * 1000:,.0f} ms",
            one_line(each.problem or each.note or _unavailable(each)),
        )
    print_table(table)


def _unavailable(verdict: Verdict) -> str:
    names = verdict.unavailable
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"known here, not listed there: {', '.join(names[:_NAMED])}{more}" if names else ""
