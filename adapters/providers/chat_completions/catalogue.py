"""Models of a provider that has no table here: what is assumed of all, and what the settings say."""

from collections.abc import Sequence

import attrs

from adapters.wire.overrides import Override, by_vagueness, names, overridden
from domain.model.model_info import Feature, ModelInfo


@attrs.frozen(kw_only=True)
class ModelFacts:
    """What one model takes.

    Attributes:
        features: What requests may ask for.
        context_tokens: Prompt and answer together; ``None``: not known.
        max_output_tokens: Longest answer; ``None``: not known.
        listed: Whether the model is offered in listings; others can still be called.
    """

    features: frozenset[Feature]
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    listed: bool = True


@attrs.frozen(kw_only=True)
class Catalogue:
    """What is known of a provider's models.

    Attributes:
        provider: Its configured name.
        features: What a model takes of which nothing is said.
        models: Names that are listed.
        overrides: What the settings say of models.
        open_ended: Whether names that are in neither are passed on too.
    """

    provider: str
    features: frozenset[Feature]
    models: Sequence[str] = ()
    overrides: Sequence[Override] = attrs.field(default=(), converter=by_vagueness)
    open_ended: bool = True

    def listed(self) -> tuple[ModelInfo, ...]:
        """Return the models that are shown."""
        found = {model: self._facts(model) for model in names(self.overrides, self.models)}
        return tuple(
            self._info(model, facts)
            for model, facts in found.items()
            if facts is not None and facts.listed
        )

    def look_up(self, model: str) -> ModelInfo | None:
        """Return what is known of `model`; None: it is not for calling."""
        facts = self._facts(model)
        return None if facts is None else self._info(model, facts)

    def most_features(self) -> frozenset[Feature]:
        """Return what some model takes."""
        taken = (each.takes | each.facts.get("features", frozenset()) for each in self.overrides)
        return self.features.union(*taken)

    def _facts(self, model: str) -> ModelFacts | None:
        return overridden(model, self.overrides, self._known, ModelFacts(features=self.features))

    def _known(self, model: str) -> ModelFacts | None:
        known = self.open_ended or model in self.models
        return ModelFacts(features=self.features) if known else None

    def _info(self, model: str, facts: ModelFacts) -> ModelInfo:
        return ModelInfo(
            provider=self.provider,
            model=model,
            features=facts.features,
            context_tokens=facts.context_tokens,
            max_output_tokens=facts.max_output_tokens,
        )
