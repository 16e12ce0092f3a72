"""What the settings say of single models: ``[providers.NAME.models."MODEL-OR-GLOB"]``.

The keys are those of the facts that the provider's codec keeps of its models; beside them ``like`` names a
model to start from, and ``takes`` and ``refuses`` add features and take them away.
"""

from collections.abc import Collection, Mapping
from enum import Enum, StrEnum
from typing import Any, get_origin

import attrs
import cattrs

from adapters.providers.anthropic.models import MODELS as ANTHROPIC_MODELS
from adapters.providers.anthropic.models import ModelFacts as AnthropicFacts
from adapters.providers.anthropic.models import Thinking
from adapters.providers.chat_completions.catalogue import ModelFacts
from adapters.providers.gemini.models import MODELS as GEMINI_MODELS
from adapters.providers.gemini.models import ModelFacts as GeminiFacts
from adapters.providers.openai.models import MODELS as OPENAI_MODELS
from adapters.providers.openai.models import ModelFacts as OpenAIFacts
from adapters.providers.openai.models import ToolRule
from adapters.wire.overrides import Override
from domain.model.chat import ReasoningEffort, Role
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature
from entrypoints.settings.errors import sentences
from entrypoints.settings.values import plain_converter


@attrs.frozen
class Table:
    """What can be said of the models of one kind of provider.

    Attributes:
        facts: Names and types.
        known: Models that others can be like.
    """

    facts: type[attrs.AttrsInstance]
    known: Collection[str] = ()


_PLAIN = Table(ModelFacts)
_TABLES: Mapping[str, Table] = {
    "openai": Table(OpenAIFacts, OPENAI_MODELS.keys()),
    "anthropic": Table(AnthropicFacts, ANTHROPIC_MODELS.keys()),
    "gemini": Table(GeminiFacts, GEMINI_MODELS.keys()),
}


def overrides(kind: str, value: Any) -> tuple[Override, ...]:
    """Return what `value`, a list of names or a table by name, says of the models of a provider of `kind`.

    Raises:
        ValueError: It makes no sense; the message begins with the path within, in quotes.
    """
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(Override(name) for name in value)
    if not isinstance(value, Mapping):
        raise ValueError("'models' must be a list of strings, or a table by name")
    table = _TABLES.get(kind, _PLAIN)
    return tuple(_override(table, pattern, said) for pattern, said in value.items())


def known_models(kind: str) -> Collection[str]:
    """Return the names of the models that a provider of `kind` is known to have."""
    return _TABLES.get(kind, _PLAIN).known


def _override(table: Table, pattern: str, said: Any) -> Override:
    at = f"models.{pattern}"
    if not isinstance(said, Mapping):
        raise ValueError(f"'{at}' must be a table")
    types = {field.name: field.type for field in attrs.fields(table.facts)}
    beside: dict[str, Any] = {"like": str}
    if "features" in types:
        beside |= {"takes": frozenset[Feature], "refuses": frozenset[Feature]}
    found: dict[str, Any] = {}
    for key, value in said.items():
        if key not in types | beside:
            known = ", ".join(sorted(types | beside))
            raise ValueError(f"'{at}.{key}' is not known; there are {known}")
        found[key] = _value(value, (types | beside)[key], f"{at}.{key}")
    like = found.pop("like", "")
    if like and like not in table.known:
        there = ", ".join(table.known) or "none to choose from"
        raise ValueError(f"'{at}.like' must be a model that is known: {there}")
    plus = {key: found.pop(key) for key in ("takes", "refuses") if key in found}
    return Override(pattern, found, like, **plus)


def _value(value: Any, kind: Any, path: str) -> Any:
    try:
        return _CONVERTER.structure(value, kind)
    except (cattrs.BaseValidationError, ValueError, KeyError, TypeError) as error:
        where, _, what = next(sentences(error, path)).partition(": ")
        raise ValueError(f"'{where}' {what}") from None


def _member(value: Any, kind: type[Enum]) -> Enum:
    # Where the values are only numbers, people write the names.
    said = {
        str(each.value) if issubclass(kind, StrEnum) else each.name.lower(): each for each in kind
    }
    if not isinstance(value, str) or value not in said:
        raise ValueError(f"must be one of: {', '.join(said)}")
    return said[value]


def _members(value: Any, kind: Any) -> frozenset[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return frozenset(_CONVERTER.structure(each, kind.__args__[0]) for each in value)


def _is_set(kind: Any) -> bool:
    return get_origin(kind) is frozenset


def _json_object(value: Any, _: Any) -> JsonObject:
    if not isinstance(value, Mapping):
        raise ValueError("must be a table")
    return value


def _make_converter() -> cattrs.Converter:
    converter = plain_converter()
    # One by one, or those that are also strings would be taken for such.
    for words in (Feature, ReasoningEffort, Role, Thinking, ToolRule):
        converter.register_structure_hook(words, _member)
    converter.register_structure_hook_func(_is_set, _members)
    converter.register_structure_hook_func(lambda kind: kind == JsonObject, _json_object)
    return converter


_CONVERTER = _make_converter()
