"""Settings as one would write them, with secrets hidden.

Law: what looks like a secret is never shown, wherever it was put.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Any

import attrs

from adapters.wire.overrides import Override
from entrypoints.cli.endings import HIDDEN, without_users
from entrypoints.credentials import VARIABLE
from entrypoints.settings.callers import CallerSettings
from entrypoints.settings.catalogue import PublicModelSettings, RouteSettings
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.money import usd
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.providers import OPTION_KINDS, ProviderSettings, ScriptedSettings
from entrypoints.settings.tls import PATH
from entrypoints.settings.tree import Settings

_SECRET_NAME = re.compile(r"(^|_)(secret|password|passphrase|token|key|dsn)$")
_KINDS: Mapping[type, str] = {CompatibleSettings: "compatible", ScriptedSettings: "scripted"}


def in_force(settings: Settings) -> Iterator[str]:
    """Give the lines that say `settings`."""
    for field in attrs.fields(Settings):
        if field.name not in ("providers", "models", "callers", "prices"):
            yield from _section(field.name, getattr(settings, field.name))
    for name, provider in settings.providers.items():
        yield from _provider(f"providers.{_bare(name)}", provider)
    for name, public in settings.models.items():
        yield from _public(name, public)
    for name, caller in settings.callers.items():
        yield from _caller(name, caller)
    for name, price in settings.prices.items():
        yield from _section(f"prices.{_bare(name)}", price)


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


def _public(name: str, public: PublicModelSettings) -> Iterator[str]:
    """Say what a public name stands for, with the strategy that was chosen where none was said."""
    yield f"[models.{_bare(name)}]"
    yield f'strategy = "{public.chosen}"'
    yield f"routes = [{', '.join(map(_route, public.routes))}]"
    if public.fallbacks:
        yield f"fallbacks = [{', '.join(map(_route, public.fallbacks))}]"


def _route(route: RouteSettings) -> str:
    target = f"target = {json.dumps(route.target, ensure_ascii=False)}"
    weight = "" if route.weight is None else f", weight = {route.weight:g}"
    keys = f", keys = {list(route.keys)}" if route.keys else ""
    return f"{{ {target}{weight}{keys} }}"


def _provider(name: str, provider: ProviderSettings) -> Iterator[str]:
    kind = provider.kind if isinstance(provider, NativeSettings) else _KINDS[type(provider)]
    foreign = {key for key, kinds in OPTION_KINDS.items() if kind not in kinds}
    if isinstance(provider, ScriptedSettings):
        yield from _section(name, provider)
        return
    yield from _section(name, provider, foreign | {"models", "headers", "options"})
    if provider.options:
        yield f"options = {json.dumps(provider.options, ensure_ascii=False)}"
    for header, value in provider.headers.items():
        # Nobody can tell which of them are secret.
        shown = f"{{ env = {json.dumps(value.env)} }}" if value.env else json.dumps(HIDDEN)
        named = VARIABLE.fullmatch(value.env) or not value.env
        yield f"headers.{_bare(header)} = {shown if named else json.dumps(HIDDEN)}"
    for override in provider.models:
        yield from _model(f"{name}.models.{_bare(override.pattern)}", override)


def _model(name: str, override: Override) -> Iterator[str]:
    yield f"[{name}]"
    said = {"like": override.like, "takes": override.takes, "refuses": override.refuses}
    for key, value in {**said, **override.facts}.items():
        if key not in said or value:
            yield f"{key} = {json.dumps(value, default=_plain, ensure_ascii=False)}"


def _plain(value: object) -> object:
    """Return `value`, a fact of a model, as TOML would have it."""
    if isinstance(value, frozenset):
        return sorted(str(each) for each in value)
    if isinstance(value, Enum):
        return value.name.lower()
    kind: Any = type(value)
    if attrs.has(kind):
        return {field.name: getattr(value, field.name) for field in attrs.fields(kind)}
    return str(value)


def _section(
    name: str, section: attrs.AttrsInstance, hidden: Collection[str] = ()
) -> Iterator[str]:
    yield f"[{name}]"
    if type(section) in _KINDS:
        yield f'kind = "{_KINDS[type(section)]}"'
    inner: list[tuple[str, attrs.AttrsInstance]] = []
    for field in attrs.fields(type(section)):
        value = getattr(section, field.name)
        if field.name in hidden:
            continue
        if attrs.has(type(value)):
            inner.append((f"{name}.{field.name}", value))
        elif isinstance(value, Mapping) and all(attrs.has(type(each)) for each in value.values()):
            table = f"{name}.{field.name}"
            inner += [(f"{table}.{_bare(key)}", each) for key, each in value.items()]
        elif field.metadata.get(PATH):
            yield f"{field.name} = {json.dumps(value, ensure_ascii=False)}"
        else:
            yield f"{field.name} = {_value(field.name, value)}"
    for path, value in inner:
        yield from _section(path, value)


def _value(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        # Scripts are long, and nobody asks for them here.
        return "{ " + ", ".join(f"{_bare(key)} = ..." for key in value) + " }"
    if isinstance(value, tuple | frozenset):
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
