"""What the providers and their models take, from the tables of the codecs."""

from collections.abc import Sequence

from docs.generate.markdown import code, table
from domain.model.model_info import Feature, ModelInfo
from entrypoints.natives import NATIVES, Native
from entrypoints.settings.native import NativeSettings

_HEAD = """# Providers and models reference

Made from the tables that requests are checked against. A request that asks for what a model does
not take is refused, with the path of the field, or that part is dropped with a warning
(`unsupported_params`). Any other name of a model is passed on; what is said in
[`[providers.NAME.models."MODEL"]`](configuration.md) is laid over these tables.
[Providers](../providers.md) says how each is set up.
"""


def page() -> str:
    """Return the reference of the providers and of the models that they are known to have."""
    known = {name: models_of(name, native) for name, native in NATIVES.items()}
    parts = [_HEAD, "## Where they are, and by which variables they are known", _homes()]
    parts += ["## What they take", _LEGEND, _features(known)]
    parts += [_models(name, models) for name, models in known.items() if models]
    return "\n\n".join(parts) + "\n"


def models_of(name: str, native: Native) -> Sequence[ModelInfo]:
    """Return the models that a provider is known to have, without asking it."""
    return native.spoken.codec(name, NativeSettings(kind=name)).models()


_LEGEND = "Of the models listed below: all of them take it, some do, or none (empty)."


def _homes() -> str:
    rows = [
        (
            code(name),
            code(native.home.key_variable),
            code(native.home.base_url_variable),
            code(native.home.base_url),
            "yes" if native.spoken.embeddings else "",
            "" if native.offered else "yes",
        )
        for name, native in NATIVES.items()
    ]
    head = ("Kind", "Key", "Address, if another", "Its own address", "Embeds", "To be configured")
    return table(head, rows)


def _features(known: dict[str, Sequence[ModelInfo]]) -> str:
    rows = [
        (code(feature.value), *(_share(feature, models) for models in known.values()))
        for feature in Feature
    ]
    return table(("Capability", *known), rows)


def _share(feature: Feature, models: Sequence[ModelInfo]) -> str:
    takes = [feature in each.features for each in models]
    return "all" if takes and all(takes) else "some" if any(takes) else ""


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
