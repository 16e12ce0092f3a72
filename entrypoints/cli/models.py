"""`llmservice models`: what a running server can call, or what the providers themselves offer."""

import argparse
import signal
import sys
from collections.abc import Sequence

import anyio

from adapters.wire.listing import LiveModel
from entrypoints.cli.endings import DONE, INTERRUPTED, BadUsage, OperationFailed, one_line
from entrypoints.cli.failure import told
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.reaching import Reach, reach
from entrypoints.cli.table import print_table
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb.llm_service_pb2 import ModelInfo
from entrypoints.live.verdict import Verdict
from entrypoints.settings.loading import SettingsError, load_settings

_PATIENCE_S = 30.0


def command(asked: argparse.Namespace) -> int:
    """Print the models.

    Raises:
        BadUsage: The target or the configuration makes no sense.
        OperationFailed: The server did not say, or a provider.
    """
    if asked.live:
        return _live(asked)
    if asked.config is not None:
        raise BadUsage("--config goes with --live; without it, a running server is asked")
    models = anyio.run(_ask, reach(asked), asked.provider, backend="trio")
    if models is None:
        return INTERRUPTED
    _print(models, asked)
    return DONE


def _live(asked: argparse.Namespace) -> int:
    from entrypoints.cli.live import fail_for, verdicts_on
    from entrypoints.live.each_key import for_nothing

    try:
        settings = load_settings(asked.config)
    except SettingsError as error:
        raise BadUsage(str(error)) from error
    verdicts = verdicts_on(settings, asked.provider, for_nothing)
    if verdicts is None:
        return INTERRUPTED
    _print([_info(verdict, model) for verdict in verdicts for model in verdict.models], asked)
    fail_for(verdicts)
    return DONE


def _info(verdict: Verdict, model: LiveModel) -> ModelInfo:
    return ModelInfo(
        provider=verdict.provider,
        model=model.name,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        capabilities=verdict.capabilities.get(model.name, ()),
    )


def _print(models: Sequence[ModelInfo], asked: argparse.Namespace) -> None:
    if asked.json:
        from google.protobuf.json_format import MessageToJson

        for model in models:
            print(MessageToJson(model, indent=None, ensure_ascii=False))
    else:
        _print_table(models)
    sys.stdout.flush()


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
    print_table(table)
