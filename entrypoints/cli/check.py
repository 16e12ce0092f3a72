"""`llmservice check`: what is in force, with secrets hidden, and what is missing.

Laws: without `--live` nothing is started, loaded or called. What looks like a secret is never printed,
wherever it was put.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from adapters.local.presence import missing
from domain.model.errors import NotConfigured
from domain.policy.route_book import NO_KEY
from domain.services.absent import Absent
from entrypoints.account import AccountUnusable, database_url
from entrypoints.cli.endings import DONE, BadUsage, OperationFailed, one_line, without_users
from entrypoints.cli.in_force import in_force
from entrypoints.compose import local_config
from entrypoints.credentials import KeyMissing, header_values, keys
from entrypoints.exposure import exposed
from entrypoints.grpc.transport.tls import Tls, TlsUnusable
from entrypoints.known_callers import authenticates
from entrypoints.limit_store import LimitsUnusable, redis_place
from entrypoints.natives import NATIVES
from entrypoints.public_names import catalogue
from entrypoints.redis_place import PlaceUnknown
from entrypoints.redis_place import redis_place as section_place
from entrypoints.settings.account import AccountSettings
from entrypoints.settings.limits import LimitSettings
from entrypoints.settings.loading import SettingsError, load_settings
from entrypoints.settings.native import OFFERED_KINDS, NativeSettings
from entrypoints.settings.providers import ProviderSettings, ScriptedSettings
from entrypoints.settings.response_cache import ResponseCacheSettings
from entrypoints.settings.tls import TlsSettings
from entrypoints.settings.traces import TraceSettings
from entrypoints.settings.tree import Settings
from entrypoints.traces import TracesUnusable, trace_headers
from entrypoints.ways import way_to


def command(asked: argparse.Namespace) -> int:
    """Print the settings in force and what is missing.

    Raises:
        BadUsage: The configuration makes no sense.
        OperationFailed: No provider could answer anything, clients would refuse our certificate, or nothing
            says where the account or the limits are; or a public name is to use a key that is not there.
    """
    try:
        settings = load_settings(asked.config)
    except SettingsError as error:
        raise BadUsage(str(error)) from error
    for option in ("json", "spend"):
        if getattr(asked, option) and not asked.live:
            raise BadUsage(f"--{option} goes with --live")
    if not asked.json:
        for line in in_force(settings):
            print(line)
        print(flush=True)
    if asked.live:
        from entrypoints.cli.live import check

        return check(settings, asked)
    return _offline(settings)


def _offline(settings: Settings) -> int:
    """Print what can be told without asking anyone."""
    unsafe = exposed(settings, demanding=authenticates(settings))
    if unsafe is not None:
        # The database is not opened here.
        print(one_line(f"note: unless there are keys already, serve refuses: {unsafe}"))
    try:
        warning = _certificate(settings.grpc.tls)
    except TlsUnusable as error:
        raise BadUsage(str(error)) from error
    if warning is not None:
        print(f"note: {warning}")
    _traces(settings.traces, os.environ)
    account = _account(settings.account, os.environ)
    limits = _limits(settings.limits, os.environ) or _answers(settings.response_cache, os.environ)
    lacking = dict(_lacking(settings, os.environ))
    for name, what in lacking.items():
        if what:
            print(one_line(f"missing: {name}: {what}"))
    offered = dict(_offered(settings, os.environ))
    for name, what in offered.items():
        print(one_line(f"not set up: {name}: {what}" if what else f"set up: {name}"))
    try:
        catalogue(settings.models, dict(_keys(settings, os.environ)))
    except NotConfigured as error:
        raise OperationFailed(error.message) from error
    if all(lacking.values()) and all(offered.values()):
        raise OperationFailed("no provider can be called")
    if account is not None:
        raise OperationFailed(f"there is no account: {account}")
    if limits is not None:
        raise OperationFailed(f"limits cannot be kept: {limits}")
    print("the configuration is valid")
    return DONE


def _account(settings: AccountSettings, environment: Mapping[str, str]) -> str | None:
    """Say where the account is kept; return what it lacks."""
    try:
        print(one_line(f"account: {without_users(database_url(settings, environment))}"))
    except AccountUnusable as error:
        return str(error)
    return None


def _limits(settings: LimitSettings, environment: Mapping[str, str]) -> str | None:
    """Say where limits are kept, if others share them; return what that lacks."""
    if settings.store == "redis":
        try:
            print(one_line(f"limits: {redis_place(settings, environment)}"))
        except LimitsUnusable as error:
            return str(error)
    return None


def _answers(settings: ResponseCacheSettings, environment: Mapping[str, str]) -> str | None:
    """Say where answers are kept, if others share them; return what that lacks."""
    if settings.store == "redis":
        try:
            place = section_place("response_cache", settings, environment)
            print(one_line(f"response cache: {place}"))
        except PlaceUnknown as error:
            return str(error)
    return None


def _traces(settings: TraceSettings, environment: Mapping[str, str]) -> None:
    if settings.enabled:
        try:
            trace_headers(settings, environment)
        except TracesUnusable as error:
            raise OperationFailed(str(error)) from error


def _certificate(tls: TlsSettings) -> str | None:
    """Return what is to be said about the server's certificate.

    Raises:
        TlsUnusable: The files cannot serve.
        OperationFailed: Clients would refuse it.
    """
    if not tls.certificate:
        return None
    now, valid = datetime.now(UTC), Tls.load(tls).valid
    warning = valid.warning(now)
    if warning is not None and not valid.not_before <= now <= valid.not_after:
        raise OperationFailed(warning)
    return warning


def _lacking(
    settings: Settings, environment: Mapping[str, str]
) -> Iterator[tuple[str, str | None]]:
    """Yield each provider with what it lacks; None: nothing."""
    if settings.local.enabled:
        yield "local", missing(local_config(settings.local))
    for name, provider in settings.providers.items():
        yield name, _provider_lacks(provider, environment)


def _provider_lacks(provider: ProviderSettings, environment: Mapping[str, str]) -> str | None:
    variable = _key_variable(provider)
    try:
        if variable:
            keys(variable, environment)
    except KeyMissing as error:
        return f"its key: {error}"
    try:
        if not isinstance(provider, ScriptedSettings):
            header_values(provider.headers, environment)
    except KeyMissing as error:
        return f"a header: {error}"
    return None


def _key_variable(provider: ProviderSettings) -> str:
    if isinstance(provider, ScriptedSettings):
        return ""
    if isinstance(provider, NativeSettings):
        return provider.api_key_env or NATIVES[provider.kind].home.key_variable
    return provider.api_key_env


def _keys(
    settings: Settings, environment: Mapping[str, str]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Give the aliases of the keys of each provider that lacks nothing."""
    if settings.local.enabled:
        yield "local", NO_KEY
    offered = {kind: NativeSettings(kind=kind) for kind in OFFERED_KINDS}
    for name, provider in {**offered, **settings.providers}.items():
        if isinstance(provider, ScriptedSettings):
            yield name, NO_KEY
            continue
        way = way_to(name, provider, environment)
        if not isinstance(way, Absent):
            yield name, tuple(way.lanes)


def _offered(
    settings: Settings, environment: Mapping[str, str]
) -> Iterator[tuple[str, str | None]]:
    """Give what each provider lacks that is there without being configured."""
    for kind, native in NATIVES.items():
        if native.offered and kind not in settings.providers:
            yield kind, _provider_lacks(NativeSettings(kind=kind), environment)
