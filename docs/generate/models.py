"""What the providers and their models take, from the tables of the codecs."""

from collections.abc import Iterable, Mapping, Sequence, Set

from adapters.local.provider import FEATURES as OF_LOCAL
from adapters.providers.compatible.codec import FEATURES as OF_COMPATIBLE
from docs.generate.markdown import code, table
from domain.model.model_info import Feature, ModelInfo
from entrypoints.natives import NATIVES, Native
from entrypoints.settings.native import NativeSettings

_HEAD = """# Providers and models reference

Made from the tables that requests are checked against. A request that asks for what a model does
not take is refused, with the path of the field, or that part is dropped with a warning
(`unsupported_params`). A name that is not listed is passed on where the provider may have it; of
OpenAI and Anthropic those that look like theirs. What is said in
[`[providers.NAME.models."MODEL"]`](configuration.md) is laid over these tables.
[Providers](../providers.md) says how each is set up.
"""
_LEGEND = (
    "Of the models listed below all take it, or some do, or none (empty). OpenRouter and compatible"
    " endpoints have no list: what is said of them holds for every model of which the settings say nothing."
)


def page() -> str:
    """Return the reference of the providers and of the models that they are known to have."""
    known = {name: models_of(name, native) for name, native in NATIVES.items()}
    parts = [_HEAD, "## Where they are, and by which variables they are known", _homes()]
    parts += ["## What they take", _LEGEND, _matrix(known)]
    parts += [_models(name, models) for name, models in known.items() if models]
    return "\n\n".join(parts) + "\n"


def models_of(name: str, native: Native) -> Sequence[ModelInfo]:
    """Return the models that a provider is known to have, without asking it."""
    return native.spoken.codec(name, NativeSettings(kind=name)).models()


def takes(name: str, models: Iterable[ModelInfo]) -> Sequence[Set[Feature]]:
    """Return what each model of a provider takes; of one without a list, what any does."""
    listed = [each.features for each in models]
    if listed:
        return listed
    other = NATIVES[name].spoken.codec(name, NativeSettings(kind=name)).info("another")
    return [other.features] if other is not None else []


def _homes() -> str:
    rows = [
        (
            code(name),
            code(native.home.key_variable),
            code(native.home.base_url_variable),
            code(native.home.base_url),
            "yes" if native.embeds else "",
            "" if native.offered else "yes",
        )
        for name, native in NATIVES.items()
    ]
    head = ("Kind", "Key", "Address, if another", "Its own address", "Embeds", "To be configured")
    return table(head, rows)


def _matrix(known: Mapping[str, Sequence[ModelInfo]]) -> str:
    taken = {name: takes(name, models) for name, models in known.items()}
    taken |= {"compatible": [OF_COMPATIBLE], "local": [OF_LOCAL]}
    rows = [
        (code(feature.value), *(_share(feature, models) for models in taken.values()))
        for feature in Feature
    ]
    return table(("Capability", *taken), rows)


def _share(feature: Feature, models: Sequence[Set[Feature]]) -> str:
    has = [feature in each for each in models]
    return "all" if has and all(has) else "some" if any(has) else ""


def _models(name: str, models: Sequence[ModelInfo]) -> str:
    rows = [
        (
            code(each.model),
            "" if each.context_tokens is None else f"{each.context_tokens:,}",
            "" if each.max_output_tokens is None else f"{each.max_output_tokens:,}",
            ", ".join(sorted(feature.value for feature in each.features)),
        )
        for each in models
    ]
    head = ("Model", "Context, tokens", "Longest answer, tokens", "Takes")
    return f"## {name}\n\n{table(head, rows)}"
