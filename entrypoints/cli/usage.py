"""`llmservice usage`: tokens, cost and outcomes, from the account's database or from a running server."""

import argparse
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime

import anyio
import attrs

from adapters.storage.usage_sums import UsageSums
from domain.model.errors import ServiceFailure
from entrypoints.account import AccountUnusable, database_url
from entrypoints.cli.endings import DONE, INTERRUPTED, BadUsage, OperationFailed
from entrypoints.cli.failure import told
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.moments import ago
from entrypoints.cli.reaching import Reach, reach
from entrypoints.cli.usage_report import print_report
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.translate.usage import filter_pb, record_of
from entrypoints.settings.loading import SettingsError, load_settings
from ports.usage_query import Dimension, Grouping, LabelKey, UsageFilter, UsageSummary

_LABEL = "label:"
_TOTAL = "total"
_USUAL = "provider,model"


def command(asked: argparse.Namespace) -> int:
    """Print the sums.

    Raises:
        BadUsage: The configuration or what is asked makes no sense.
        OperationFailed: The database or the server does not say.
    """
    by = groupings(",".join(asked.by or [_USUAL]))
    wanted = _wanted(asked, datetime.now(UTC))
    if asked.target is not None:
        if asked.config is not None:
            raise BadUsage(
                "--config and --target are alternatives: the database, or a running server"
            )
        found = anyio.run(_from_server, reach(asked), wanted, by, backend="trio")
    else:
        found = anyio.run(_from_database, _url(asked), wanted, by, backend="trio")
    if found is None:
        return INTERRUPTED
    print_report(found, by, wanted, as_json=asked.json)
    return DONE


def groupings(text: str) -> Sequence[Grouping]:
    """Return what `text`, e.g. ``provider,label:team``, asks to group by.

    Raises:
        BadUsage: It names something else.
    """
    if text == _TOTAL:
        return ()
    return tuple(dict.fromkeys(_grouping(each.strip()) for each in text.split(",")))


def _grouping(name: str) -> Grouping:
    if name.startswith(_LABEL) and name != _LABEL:
        return LabelKey(name.removeprefix(_LABEL))
    try:
        return Dimension(name)
    except ValueError:
        known = ", ".join(each.value for each in Dimension)
        raise BadUsage(f"--by: {name!r} is not one of {known}, label:KEY, or {_TOTAL}") from None


def _wanted(asked: argparse.Namespace, now: datetime) -> UsageFilter:
    since = _moment("--since", asked.since, now)
    until = None if asked.until is None else _moment("--until", asked.until, now)
    if until is not None and until <= since:
        raise BadUsage("--until must be later than --since")
    labels: dict[str, str] = {}
    for each in asked.label:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise BadUsage(f"--label: {each!r} must be KEY=VALUE")
        labels[key] = value
    return UsageFilter(
        # Nothing was before the epoch.
        start_s=max(0.0, since.timestamp()),
        end_s=None if until is None else until.timestamp(),
        caller=asked.caller,
        labels=labels,
    )


def _moment(option: str, text: str, now: datetime) -> datetime:
    try:
        return ago(text, now)
    except ValueError as error:
        raise BadUsage(f"{option}: {error}") from None


def _url(asked: argparse.Namespace) -> str:
    try:
        settings = load_settings(asked.config)
        url = database_url(settings.account, os.environ)
    except (SettingsError, AccountUnusable) as error:
        raise BadUsage(str(error)) from error
    if url == "memory":
        raise BadUsage(
            "account.database is memory, which only the server itself can tell: ask it with --target"
        )
    return url


async def _from_database(
    url: str, wanted: UsageFilter, by: Sequence[Grouping]
) -> Sequence[UsageSummary] | None:
    """Return the sums; None if that was interrupted."""
    from adapters.storage.sql.database import DatabaseUnusable, open_database
    from adapters.storage.sql.usage_query import SqlUsageQuery

    found: Sequence[UsageSummary] | None = None
    try:
        async with interruptible(signal.SIGINT), open_database(url) as database:
            found = await SqlUsageQuery(database).summary(wanted, by)
    except DatabaseUnusable as error:
        raise OperationFailed(str(error)) from error
    except ServiceFailure as error:
        raise OperationFailed(str(error.__cause__ or error)) from error
    return found


async def _from_server(
    server: Reach, wanted: UsageFilter, by: Sequence[Grouping]
) -> Sequence[UsageSummary] | None:
    """Return the sums of what the server tells us; None if that was interrupted."""
    sums = UsageSums(by)
    whole = False
    # Whose records are told is the server's to say; of those we choose here.
    request = filter_pb(attrs.evolve(wanted, caller=None))
    try:
        async with (
            interruptible(signal.SIGINT),
            server.connect() as client,
            client.query_usage(request) as records,
        ):
            async for record in records:
                if wanted.caller in (None, record.caller):
                    sums.add(record_of(record))
            whole = True
    except CallFailed as failure:
        raise OperationFailed(told(failure)) from failure
    return sums.summaries() if whole else None
