"""`llmservice check`: what is in force, with secrets hidden, and what is missing.

Laws: nothing is started, loaded or called. What looks like a secret is never printed, wherever it was put.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping

import attrs

from adapters.local.presence import missing
from entrypoints.cli.endings import DONE, HIDDEN, BadUsage, OperationFailed, one_line, without_users
from entrypoints.compose import local_config
from entrypoints.credentials import VARIABLE, KeyMissing, keys
from entrypoints.exposure import exposed
from entrypoints.natives import NATIVES
from entrypoints.settings.callers import CallerSettings
from entrypoints.settings.loading import SettingsError, load_settings
from entrypoints.settings.money import usd
from entrypoints.settings.providers import (
    CompatibleSettings,
    NativeSettings,
    ProviderSettings,
    ScriptedSettings,
)
from entrypoints.settings.tree import Settings

_SECRET_NAME = re.compile(r"(^|_)(secret|password|passphrase|token|key|dsn)$")
_KINDS: Mapping[type, str] = {CompatibleSettings: "compatible", ScriptedSettings: "scripted"}


def command(asked: argparse.Namespace) -> int:
    """Print the settings in force and what is missing.

    Raises:
        BadUsage: The configuration makes no sense.
        OperationFailed: No provider could answer anything.
    """
    try:
        settings = load_settings(asked.config)
    except SettingsError as error:
        raise BadUsage(str(error)) from error
    for line in _in_force(settings):
        print(line)
    print()
    unsafe = exposed(settings)
    if unsafe is not None:
        print(one_line(f"note: serve refuses: {unsafe}"))
    lacking = dict(_lacking(settings, os.environ))
    for name, what in lacking.items():
        if what:
            print(one_line(f"missing: {name}: {what}"))
    offered = dict(_offered(settings, os.environ))
    for name, what in offered.items():
        print(one_line(f"not set up: {name}: {what}" if what else f"set up: {name}"))
    if all(lacking.values()) and all(offered.values()):
        raise OperationFailed("no provider can be called")
    print("the configuration is valid")
    return DONE


def _in_force(settings: Settings) -> Iterator[str]:
    for field in attrs.fields(Settings):
        if field.name not in ("providers", "callers"):
            yield from _section(field.name, getattr(settings, field.name))
    for name, provider in settings.providers.items():
        yield from _section(f"providers.{_bare(name)}", provider)
    for name, caller in settings.callers.items():
        yield from _caller(name, caller)


def _caller(name: str, caller: CallerSettings) -> Iterator[str]:
    """Say what was set, and that all is allowed where nothing was."""
    yield f"[callers.{_bare(name)}]"
    if caller.token_sha256:
        # Enough to tell which it is.
        yield f'token_sha256 = "{caller.token_sha256[:8]}..."'
    if not caller.allow:
        yield 'allow = ["*"]'
    for field in attrs.fields(CallerSettings):
        value = getattr(caller, field.name)
        if field.name == "token_sha256" or value in (None, "", ()):
            continue
        if field.name.startswith("budget_usd"):
            yield f"{field.name} = {usd(value)}"
        elif field.name == "expires":
            yield f"expires = {value.isoformat()}"
        else:
            yield f"{field.name} = {_value(field.name, value)}"


def _section(name: str, section: attrs.AttrsInstance) -> Iterator[str]:
    yield f"[{name}]"
    if type(section) in _KINDS:
        yield f'kind = "{_KINDS[type(section)]}"'
    inner: list[tuple[str, attrs.AttrsInstance]] = []
    for field in attrs.fields(type(section)):
        value = getattr(section, field.name)
        if attrs.has(type(value)):
            inner.append((f"{name}.{field.name}", value))
        else:
            yield f"{field.name} = {_value(field.name, value)}"
    for path, value in inner:
        yield from _section(path, value)


def _value(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        # Scripts are long, and nobody asks for them here.
        return "{ " + ", ".join(f"{_bare(key)} = ..." for key in value) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(name, each) for each in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value, default=str)
    if value and (
        _SECRET_NAME.search(name) or (name.endswith("_env") and not VARIABLE.fullmatch(value))
    ):
        # A key put where its variable's name belongs is a key all the same.
        return json.dumps(HIDDEN)
    return json.dumps(without_users(value), ensure_ascii=False)


def _bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


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
    if not variable:
        return None
    try:
        keys(variable, environment)
    except KeyMissing as error:
        return f"its key: {error}"
    return None


def _key_variable(provider: ProviderSettings) -> str:
    if isinstance(provider, ScriptedSettings):
        return ""
    if isinstance(provider, NativeSettings):
        return provider.api_key_env or NATIVES[provider.kind].home.key_variable
    return provider.api_key_env


def _offered(
    settings: Settings, environment: Mapping[str, str]
) -> Iterator[tuple[str, str | None]]:
    """Give what each provider lacks that is there without being configured."""
    for kind, native in NATIVES.items():
        if native.offered and kind not in settings.providers:
            yield kind, _provider_lacks(NativeSettings(kind=kind), environment)
