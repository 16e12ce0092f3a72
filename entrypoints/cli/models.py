"""`llmservice models`: what a running server can call."""

import argparse
import signal
import sys
from collections.abc import Sequence

import anyio

from entrypoints.cli.endings import DONE, INTERRUPTED, OperationFailed, one_line
from entrypoints.cli.failure import told
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.reaching import Reach, reach
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb.llm_service_pb2 import ModelInfo

_PATIENCE_S = 30.0
_WIDE = 1000


def command(asked: argparse.Namespace) -> int:
    """Print the models.

    Raises:
        BadUsage: The target makes no sense.
        OperationFailed: The server did not say.
    """
    models = anyio.run(_ask, reach(asked), asked.provider, backend="trio")
    if models is None:
        return INTERRUPTED
    if asked.json:
        from google.protobuf.json_format import MessageToJson

        for model in models:
            print(MessageToJson(model, indent=None, ensure_ascii=False))
    else:
        _print_table(models)
    sys.stdout.flush()
    return DONE


async def _ask(server: Reach, provider: str) -> Sequence[ModelInfo] | None:
    """Return the models; None if that was interrupted."""
    models: Sequence[ModelInfo] | None = None
    try:
        async with interruptible(signal.SIGINT), server.connect() as client:
            models = await client.list_models(provider, timeout_s=_PATIENCE_S)
    except CallFailed as failure:
        raise OperationFailed(told(failure)) from failure
    return models


def _print_table(models: Sequence[ModelInfo]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("provider", "model"):
        table.add_column(name, no_wrap=True)
    for name in ("context", "max output"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("capabilities")
    for each in models:
        table.add_row(
            one_line(each.provider),
            one_line(each.model),
            f"{each.context_tokens:,}" if each.HasField("context_tokens") else "-",
            f"{each.max_output_tokens:,}" if each.HasField("max_output_tokens") else "-",
            one_line(", ".join(each.capabilities)),
        )
    # For a pipe, a row is a line however long it is.
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _WIDE, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())
