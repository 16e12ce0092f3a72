"""`llmservice faults`: the service against providers that fail, as a table.

Laws: stdout has the table alone; a row that differs ends the command with exit code 1; nothing is left
behind.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio

from adapters.faults.formats import FORMATS
from entrypoints.cli.endings import DONE, INTERRUPTED, BadUsage, OperationFailed, one_line
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.logs import open_log
from entrypoints.cli.table import print_table
from entrypoints.faults.expectations import EXPECTED, Outcome
from entrypoints.faults.kit import Run
from entrypoints.faults.manners import Manner
from entrypoints.faults.rows import Row, rows
from entrypoints.faults.verdict import Verdict
from entrypoints.settings.logs import LogSettings
from entrypoints.settings.tree import Settings


def command(asked: argparse.Namespace) -> int:
    """Try the rows that `asked` names, and print what came of them.

    Raises:
        BadUsage: There is no such provider or fault.
        OperationFailed: A row came out otherwise than it must.
    """
    _check("--provider", asked.provider, FORMATS)
    _check("--fault", asked.fault, EXPECTED)
    _check("--manner", asked.manner, [each.value for each in Manner])
    if asked.list:
        for name, expectation in EXPECTED.items():
            print(f"{name:24} {expectation.says}")
        return DONE
    chosen = rows(
        asked.provider, asked.fault, [asked.delivery] if asked.delivery else [], asked.manner
    )
    if not chosen:
        raise BadUsage("no row is all of this: leave an option out")
    # Hundreds of calls that fail as they should are no news.
    with open_log(Settings(logs=LogSettings(level="CRITICAL"))):
        verdicts = anyio.run(_run, chosen, backend="trio")
    if verdicts is None:
        return INTERRUPTED
    if asked.json:
        for each in verdicts:
            print(json.dumps(_as_json(each), ensure_ascii=False))
    else:
        _show(verdicts)
    sys.stdout.flush()
    _fail_for(verdicts)
    return DONE


def _check(option: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise BadUsage(f"{option} {name!r} is not known; there are: {', '.join(known)}")


async def _run(chosen: Sequence[Row]) -> Sequence[Verdict] | None:
    verdicts: Sequence[Verdict] | None = None
    with (
        tempfile.TemporaryDirectory(prefix="llmservice-faults-") as folder,
        _progress(len(chosen)) as told,
    ):
        async with interruptible(signal.SIGINT, signal.SIGTERM):
            verdicts = await Run(chosen, Path(folder), told).verdicts()
    return verdicts


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Row], None]]:
    """Show on a terminal how far we are; elsewhere, say that we are at work."""
    if not sys.stderr.isatty():
        print(f"trying {total} rows", file=sys.stderr, flush=True)
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("trying", total=total)

        def told(row: Row) -> None:
            progress.update(bar, advance=1, description=row.fault)

        yield told


def _as_json(verdict: Verdict) -> dict[str, object]:
    row = verdict.row
    return {
        "fault": row.fault,
        "provider": row.format.kind,
        "delivery": row.delivery,
        "manner": row.manner,
        "expected": _word(row.expected),
        "got": _word(verdict.got),
        "told": verdict.got.told,
        "retry_after_s": verdict.got.retry_after_s,
        "requests": verdict.got.requests,
        "attempts": verdict.got.attempts,
        "records": verdict.records,
        "ok": not verdict.differences,
        "differences": list(verdict.differences),
        "message": verdict.message,
    }


def _show(verdicts: Iterable[Verdict]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("fault", "provider", "delivery", "manner", "expected", "got"):
        table.add_column(name, no_wrap=True)
    for name in ("attempts", "records"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for each in verdicts:
        row = each.row
        table.add_row(
            row.fault,
            row.format.kind,
            row.delivery,
            row.manner,
            _word(row.expected),
            _word(each.got),
            str(each.got.attempts),
            str(each.records),
            one_line("; ".join(each.differences)) or "ok",
        )
    print_table(table)


def _word(outcome: Outcome) -> str:
    return "served" if outcome.reason is None else outcome.reason.name


def _fail_for(verdicts: Sequence[Verdict]) -> None:
    wrong = sum(bool(each.differences) for each in verdicts)
    if wrong:
        raise OperationFailed(f"{wrong} of {len(verdicts)} rows came out otherwise than they must")
    print(f"all {len(verdicts)} rows came out as they must", file=sys.stderr)
