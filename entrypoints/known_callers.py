"""Callers as the settings say them, as the table of callers holds them, and back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from adapters.callers.table import CallerTable, KnownCaller
from domain.model.caller import Caller, CallerLimits
from entrypoints.settings.callers import CallerSettings
from entrypoints.settings.money import NanoUsd
from entrypoints.settings.tree import Settings


def authenticates(settings: Settings) -> bool:
    """Return whether `settings` alone make a caller be known; keys in the database do, too."""
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


def settings_of(known: KnownCaller) -> CallerSettings:
    """Return what `known_callers` makes `known` of; what was revoked is not told."""
    limits = known.caller.limits
    return CallerSettings(
        token_sha256=known.token_digest.hex(),
        client_subject=known.client_subject,
        scopes=tuple(sorted(known.caller.scopes)),
        allow=known.caller.allow,
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
        parallel_calls=limits.parallel_calls,
        budget_usd_per_day=_nano(limits.budget_nano_usd_per_day),
        budget_usd_per_month=_nano(limits.budget_nano_usd_per_month),
        expires=None if known.expires_s is None else datetime.fromtimestamp(known.expires_s, UTC),
    )


def _nano(amount: int | None) -> NanoUsd | None:
    return None if amount is None else NanoUsd(amount)
