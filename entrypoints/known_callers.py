"""The callers of the settings, as the table of callers holds them."""

from collections.abc import Iterator, Mapping

from adapters.callers.table import CallerTable, KnownCaller
from domain.model.caller import Caller, CallerLimits
from entrypoints.settings.callers import CallerSettings
from entrypoints.settings.tree import Settings


def authenticates(settings: Settings) -> bool:
    """Return whether calls are refused that nobody knows the caller of."""
    return bool(settings.callers)


def caller_table(callers: Mapping[str, CallerSettings]) -> CallerTable:
    """Return a new table of `callers`; `CallerTable.replace` takes `known_callers` of later settings."""
    table = CallerTable()
    table.replace(known_callers(callers))
    return table


def known_callers(callers: Mapping[str, CallerSettings]) -> Iterator[KnownCaller]:
    """Yield `callers` with what they are known by."""
    for name, each in callers.items():
        limits = CallerLimits(
            requests_per_minute=each.requests_per_minute,
            tokens_per_minute=each.tokens_per_minute,
            parallel_calls=each.parallel_calls,
            budget_nano_usd_per_day=each.budget_usd_per_day,
            budget_nano_usd_per_month=each.budget_usd_per_month,
        )
        yield KnownCaller(
            caller=Caller(name, frozenset(each.scopes), each.allow, limits),
            token_digest=bytes.fromhex(each.token_sha256),
            client_subject=each.client_subject,
            expires_s=None if each.expires is None else each.expires.timestamp(),
        )
