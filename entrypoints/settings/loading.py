"""All settings: one tree of values, from a TOML file and the environment.

The environment wins: ``LLMSERVICE_GRPC__PORT=0`` sets ``port`` of ``[grpc]``. What is not known here is an
error that names its path, so that a typing mistake is never silently a default. Secrets are not settings:
a provider names the variable that holds its key.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cattrs

from adapters.wire.overrides import Override
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature
from entrypoints.settings.callers import add_caller_hooks
from entrypoints.settings.catalogue import add_catalogue_hooks
from entrypoints.settings.errors import sentences
from entrypoints.settings.headers import Header
from entrypoints.settings.providers import ProviderSettings, provider_settings
from entrypoints.settings.tree import Settings
from entrypoints.settings.values import plain_converter

PREFIX = "LLMSERVICE_"
RESERVED = frozenset(
    {
        "LLMSERVICE_CONFIG",
        "LLMSERVICE_LOG_LEVEL",
        "LLMSERVICE_REDIS_URL",
        "LLMSERVICE_REDIS_URL_FILE",
        "LLMSERVICE_TARGET",
        "LLMSERVICE_TOKEN",
        "LLMSERVICE_TOKEN_FILE",
    }
)
"""Variables with our prefix that are not settings of the tree."""


class SettingsError(Exception):
    """The settings make no sense; the message names each path and what to do."""


def load_settings(
    path: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of the file at `path`, overridden by `environment`.

    Args:
        path: ``None``: the file that ``LLMSERVICE_CONFIG`` names, else
            ``llmservice.toml`` in the current folder if it is there, else none.
        environment: Variables by name.

    Raises:
        SettingsError: A file cannot be read, or something in it is not known
            or not valid.
    """
    tree = _read(path, environment)
    for name, value in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in RESERVED:
            _override(tree, name, value)
    return structure(tree)


def structure(tree: Mapping[str, Any]) -> Settings:
    """Return `tree`, as TOML gives it, as settings.

    Raises:
        SettingsError: Names the path of everything that is not known or not valid.
    """
    try:
        return _CONVERTER.structure(tree, Settings)
    except cattrs.BaseValidationError as error:
        raise SettingsError("; ".join(sentences(error))) from None


def _read(path: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = path or (
        Path(environment["LLMSERVICE_CONFIG"]) if environment.get("LLMSERVICE_CONFIG") else None
    )
    chosen = named or Path("llmservice.toml")
    if named is None and not chosen.is_file():
        return {}
    try:
        return tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{chosen}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{chosen}: is not valid TOML: {error}") from None


def _override(tree: dict[str, Any], name: str, value: str) -> None:
    path = name.removeprefix(PREFIX).lower().split("__")
    if len(path) == 1 or not all(path):
        raise SettingsError(f"{name}: is not known; a setting is written LLMSERVICE_SECTION__KEY")
    node = tree
    for key in path[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            raise SettingsError(f"{name}: {key} is a value, not a section")
    node[path[-1]] = _env_value(name, value)


def _env_value(name: str, value: str) -> Any:
    if not value.startswith(("[", "{")):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: is not a valid list or table: {error}") from None


def _make_converter() -> cattrs.Converter:
    converter = plain_converter()
    converter.register_structure_hook(
        ProviderSettings, lambda value, _: provider_settings(value, converter)
    )
    add_caller_hooks(converter)
    add_catalogue_hooks(converter)
    # These were read before, by kind.
    for read in (tuple[Override, ...], Mapping[str, Header], JsonObject):
        converter.register_structure_hook_func(_is(read), lambda value, _: value)
    converter.register_structure_hook_func(
        _is(frozenset[Feature]), lambda value, _: _features(value)
    )
    return converter


def _is(kind: object) -> Callable[[object], bool]:
    return lambda other: other == kind


def _features(value: Any) -> frozenset[Feature]:
    known = [each.value for each in Feature]
    if not isinstance(value, list | tuple) or not all(each in known for each in value):
        raise ValueError(f"must be a list of: {', '.join(known)}")
    return frozenset(Feature(each) for each in value)


_CONVERTER = _make_converter()
