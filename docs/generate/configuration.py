"""The reference of the settings, from the classes that read them."""

import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin

import attrs

from adapters.providers.anthropic.models import ModelFacts as AnthropicFacts
from adapters.providers.chat_completions.catalogue import ModelFacts
from adapters.providers.gemini.models import ModelFacts as GeminiFacts
from adapters.providers.openai.models import ModelFacts as OpenAIFacts
from docs.generate.markdown import attributes, cell, code, opening, table
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.loading import RESERVED
from entrypoints.settings.money import NanoUsd
from entrypoints.settings.native import NATIVE_KINDS, NativeSettings
from entrypoints.settings.providers import OPTION_KINDS, ScriptedSettings
from entrypoints.settings.tree import Settings

Row = tuple[str, str, str, str, str]

_UNITS = (
    ("tokens_per_minute", "tokens a minute"),
    ("requests_per_minute", "calls a minute"),
    ("budget_usd_per_day", "US dollars a day"),
    ("budget_usd_per_month", "US dollars a month"),
    ("_per_s", "a second"),
    ("_s", "seconds"),
    ("_ms", "milliseconds"),
    ("_bytes", "bytes"),
    ("_chars", "characters"),
    ("_records", "records"),
    ("_tokens", "tokens"),
    ("_usd", "US dollars per million tokens"),
    ("_ratio", "share, 1 is all"),
    ("_share", "share, 1 is all"),
)
_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    datetime: "date or date-time",
    NanoUsd: "number",
    tuple[str, ...]: "list of texts",
}
_KINDS: Mapping[str, tuple[str, type[attrs.AttrsInstance], str]] = {
    "native": ("known by name", NativeSettings, ", ".join(map(code, NATIVE_KINDS))),
    "compatible": ("OpenAI-compatible", CompatibleSettings, "`compatible`"),
    "scripted": ("scripted", ScriptedSettings, "`scripted`"),
}
_FACTS: Mapping[str, type[attrs.AttrsInstance]] = {
    "openai": OpenAIFacts,
    "anthropic": AnthropicFacts,
    "gemini": GeminiFacts,
    "all other kinds": ModelFacts,
}
_OF_MODELS = (
    "`like` names a model to start from; where there are `features`, `takes` adds some and `refuses` takes"
    " some away. What is not said stays as it is known."
)
_VARIABLES: Mapping[str, str] = {
    "LLMSERVICE_CONFIG": "Path of the configuration file (default: `llmservice.toml`, if it is there).",
    "LLMSERVICE_LOG_LEVEL": "Level of the log; wins over `logs.level`.",
    "LLMSERVICE_REDIS_URL": "Address of Redis with its password, for limits and kept answers.",
    "LLMSERVICE_REDIS_URL_FILE": "File that holds that address.",
    "LLMSERVICE_TARGET": "Server that the commands ask.",
    "LLMSERVICE_TOKEN": "Token that the commands show.",
    "LLMSERVICE_TOKEN_FILE": "File that holds that token.",
}


_HEAD = """# Configuration reference

Made from the classes that read the settings. [Configuring it](../configure.md) begins at the beginning.

The settings are in `llmservice.toml` in the current folder, or in the file that `--config` or
`LLMSERVICE_CONFIG` names. The environment wins: `LLMSERVICE_GRPC__PORT=0` sets `port` of `[grpc]`,
two underscores are a dot, and a list or table is written as TOML has it (`["a", "b"]`). What is not
known here is an error that names its path. `llmservice check` shows what is in force.

"Unset" means that there is no bound; in the environment it cannot be written. Seconds may have a fraction.
"""


def page() -> str:
    """Return the reference of the configuration."""
    variables = table(
        ("Variable", "Meaning"), [(code(each), _VARIABLES[each]) for each in sorted(RESERVED)]
    )
    parts = [_HEAD, f"## Variables beside the settings\n\n{variables}", "## Sections"]
    parts += [_section(f"[{path}]", kind) for path, kind in sections()]
    for kind, (title, owner, written) in _KINDS.items():
        parts.append(_section(f"[providers.NAME], {title}", owner, f"`kind` is {written}.", kind))
    for kind, facts in _FACTS.items():
        parts.append(_section(f'[providers.NAME.models."MODEL"], {kind}', facts, _OF_MODELS))
    return "\n\n".join(parts) + "\n"


def _section(title: str, owner: type[attrs.AttrsInstance], more: str = "", kind: str = "") -> str:
    said = opening(owner.__doc__)
    rows = [row for row in rows_of(owner) if row[0] != "`kind`"]
    if kind == "native":
        rows = [_of_some_kinds(row) for row in rows]
    if more is _OF_MODELS:  # what is not said stays as it is known: there is no default
        rows = [(*row[:3], "", row[4]) for row in rows]
    body = table(("Setting", "Type", "Unit", "Default", "Meaning"), rows)
    return "\n\n".join(each for each in (f"### `{title}`", said, more, body) if each)


def _of_some_kinds(row: Row) -> Row:
    kinds = [each for each in OPTION_KINDS.get(row[0].strip("`"), ()) if each in NATIVE_KINDS]
    return (*row[:4], f"{row[4]} Only for {' and '.join(kinds)}.") if kinds else row


def sections() -> Iterator[tuple[str, type[attrs.AttrsInstance]]]:
    """Give every section's heading, as TOML writes it, and the class that reads it."""
    yield from _below("", Settings)


def _below(path: str, owner: type[attrs.AttrsInstance]) -> Iterator[tuple[str, type[Any]]]:
    for field in attrs.fields(owner):
        inner = f"{path}{field.name}"
        for name, kind in _tables(inner, field.type):
            yield name, kind
            yield from _below(f"{name}.", kind)


def _tables(path: str, kind: Any) -> Iterator[tuple[str, type[Any]]]:
    if isinstance(kind, type) and attrs.has(kind) and kind.__module__.startswith("entrypoints."):
        yield path, kind
    elif get_origin(kind) in (Mapping, dict) or getattr(kind, "__origin__", None) is Mapping:
        value = get_args(kind)[1]
        if _is_union(value):  # the kinds of providers have a part of their own
            return
        name = '"PROVIDER/MODEL"' if path == "prices" else "NAME"
        yield from _tables(f"{path}.{name}", value)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def type_of(kind: Any) -> str:
    """Return what may be written for a setting of the type `kind`."""
    if _is_union(kind):
        (kind,) = [each for each in get_args(kind) if each is not types.NoneType]
    if kind in _WORDS:
        return _WORDS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "text"
    origin = get_origin(kind)
    if origin in (tuple, frozenset):
        return "list"
    return "table" if origin is not None else str(getattr(kind, "__name__", kind)).lower()


def _words_of(kind: Any) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield "one of " + ", ".join(_toml(each) for each in kind)


def unit_of(name: str) -> str:
    """Return the unit that the name of a setting carries."""
    return next((unit for end, unit in _UNITS if name.endswith(end)), "")


def default_of(field: "attrs.Attribute[Any]") -> str:
    """Return the default as TOML writes it; "needed" where there is none."""
    if field.default is attrs.NOTHING:
        return "*needed*"
    value: Any = field.default
    if isinstance(value, attrs.Factory):  # type: ignore[arg-type]  # a function to the type checkers
        value = value.factory()
    if value is None:
        return "unset"
    return code(_toml(value))


def _toml(value: Any) -> str:
    if isinstance(value, Enum):
        return _toml(value.value if isinstance(value.value, str) else value.name.lower())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 100_000 else str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return "{}" if not value else "{...}"
    return "[" + ", ".join(sorted(_toml(each) for each in value)) + "]"


def bounds_of(validator: Any) -> Iterator[str]:
    """Give what a validator lets pass, in words."""
    kind = type(validator).__name__
    if kind == "_AndValidator":
        for each in validator._validators:
            yield from bounds_of(each)
    elif kind == "_OptionalValidator":
        inner = validator.validator
        for each in inner if isinstance(inner, list | tuple) else (inner,):
            yield from bounds_of(each)
    elif kind == "_NumberValidator":
        words = {">=": "at least", ">": "above", "<=": "at most", "<": "below"}
        yield f"{words[validator.compare_op]} {_toml(validator.bound)}"
    elif kind == "_InValidator":
        yield "one of " + ", ".join(_toml(str(each)) for each in validator.options)


def rows_of(owner: type[attrs.AttrsInstance]) -> Iterator[Row]:
    """Give name, type, unit, default and meaning of each setting that `owner` reads."""
    said = attributes(owner.__doc__)
    for field in attrs.fields(owner):
        if field.init is False or any(True for _ in _tables("", field.type)):
            continue
        words = [*_words_of(field.type), *bounds_of(field.validator)]
        limits = ", ".join(words)
        meaning = said.get(field.name, "")
        if limits:
            meaning = f"{meaning} ({limits.replace('|', '')})".strip()
        yield (
            code(field.name),
            type_of(field.type),
            unit_of(field.name),
            default_of(field),
            cell(meaning),
        )
