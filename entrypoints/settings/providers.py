"""Settings of the providers, sections ``[providers.NAME]``."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import attrs
import cattrs
from attrs.validators import min_len

from adapters.scripted.script import EmbeddingScript, Step
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.drain import check_policy
from entrypoints.settings.headers import headers
from entrypoints.settings.models import known_models, overrides
from entrypoints.settings.native import NATIVE_KINDS, NativeSettings


@attrs.frozen(kw_only=True)
class ScriptedSettings:
    """A provider that plays scripts, for demos and load.

    Attributes:
        models: Model's name -> the steps it plays.
        embedding_models: Model's name -> the steps it plays before it embeds.
        on_disconnect: What becomes of an answer whose caller leaves before its end: ``cancel``; ``drain``
            reads it on, within the bounds of ``[drain]``, so that its cost is known.
    """

    models: Mapping[str, tuple[Step, ...]] = attrs.field(validator=min_len(1))
    embedding_models: Mapping[str, EmbeddingScript] = attrs.field(factory=dict)
    on_disconnect: str = attrs.field(default="cancel", validator=check_policy)


ProviderSettings: TypeAlias = CompatibleSettings | ScriptedSettings | NativeSettings

OPTION_KINDS: Mapping[str, tuple[str, ...]] = {
    "organization": ("openai",),
    "project": ("openai",),
    "api_version": ("anthropic", "gemini"),
    "betas": ("anthropic",),
    "fetches": ("compatible", "gemini"),
    "referer": ("openrouter",),
    "title": ("openrouter",),
    "require_parameters": ("openrouter",),
    "only_listed": ("compatible",),
    "takes": ("compatible",),
    "refuses": ("compatible",),
    "max_tokens_field": ("compatible",),
    "developer_role": ("compatible",),
    "stream_usage": ("compatible",),
    "embedding_models": ("compatible", "scripted"),
    "max_embedding_inputs": ("compatible",),
}
"""Options that only some kinds have."""
_RESERVED = frozenset({"contents", "messages", "model", "n", "stream", "stream_options"})
"""What options may not set: whom a call asks, what, and how the answer is read."""


def provider_settings(value: Any, converter: cattrs.Converter) -> ProviderSettings:
    """Return `value`, a table of ``[providers]``, as its kind of settings.

    Raises:
        ValueError: It is no table, its kind is not known, or an option is of another kind.
    """
    if not isinstance(value, Mapping):
        raise ValueError("must be a table")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in (*_KINDS, *NATIVE_KINDS):
        raise ValueError(f"'kind' must be one of: {', '.join((*_KINDS, *NATIVE_KINDS))}")
    for key in value:
        kinds = OPTION_KINDS.get(key, (kind,))
        if kind not in kinds:
            raise ValueError(f"'{key}' is an option of kind {' and '.join(kinds)}, not of {kind}")
    rest = {key: each for key, each in value.items() if key != "kind" or kind in NATIVE_KINDS}
    if kind != "scripted":
        rest.update({key: read(kind, rest[key]) for key, read in _READ.items() if key in rest})
    return converter.structure(rest, _KINDS.get(kind, NativeSettings))


def declared(settings: ProviderSettings) -> Collection[str]:
    """Return the names of the models that a provider is known to have."""
    if isinstance(settings, ScriptedSettings):
        return settings.models.keys()
    named = {each.pattern for each in settings.models if each.is_name}
    return named.union(known_models(settings.kind) if isinstance(settings, NativeSettings) else ())


def _headers(_: str, value: Any) -> Any:
    return headers(value)


def _options(_: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("'options' must be a table")
    for key in sorted(_RESERVED & value.keys()):
        raise ValueError(f"'options.{key}' is set by the service itself")
    return value


_READ: Mapping[str, Callable[[str, Any], Any]] = {
    "models": overrides,
    "headers": _headers,
    "options": _options,
}
"""What cattrs cannot read by the type alone."""
_KINDS: Mapping[Any, type[ProviderSettings]] = {
    "compatible": CompatibleSettings,
    "scripted": ScriptedSettings,
}
