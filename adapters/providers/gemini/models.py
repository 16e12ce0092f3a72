"""What differs from one Gemini model to the next: data, by the beginning of the name.

As of 2026-11-22. Source: https://ai.google.dev/gemini-api/docs/models (names, limits),
https://ai.google.dev/gemini-api/docs/generate-content/thinking (levels, budgets),
https://ai.google.dev/gemini-api/docs/latest-model (from 3.6 on, and for 3.5 Flash-Lite: sampling is
fixed, the fields are accepted and ignored, and a conversation that ends with the model's turn is
refused), https://ai.google.dev/gemini-api/docs/openai (which budget an effort is). Penalties are
refused by all models since 2.5: "Penalty is not enabled for this model" (google-gemini/cookbook#1290).
Read as quoted in anomalyco/models.dev, BerriAI/litellm-docs#1505 and langchain-ai/langchain-google#1897.
"""

from collections.abc import Mapping, Sequence

import attrs

from adapters.wire.overrides import Override, by_vagueness, overridden
from domain.model.chat import ReasoningEffort
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature, ModelInfo

MODELS_PREFIX = "models/"


@attrs.frozen(kw_only=True)
class Thinking:
    """How a model is told to think.

    Attributes:
        efforts: The fields that ask for each effort; one that is missing cannot be asked for.
        budgets: Ranges of the tokens it may be given, both ends included.
    """

    efforts: Mapping[ReasoningEffort, JsonObject]
    budgets: Sequence[tuple[int, int]] = ()


@attrs.frozen(kw_only=True)
class ModelFacts:
    """What is known of some models.

    Attributes:
        features: What requests may ask for, but for thinking.
        thinking: ``None``: it does not think, and refuses to be asked.
        signed_calls: The first function call of a turn is refused without a thought signature.
        media_results: A function's result may hold media.
        continues: It goes on where a conversation ends with its own turn.
        context_tokens: Prompt; ``None``: not known.
        max_output_tokens: Longest answer, thoughts included; ``None``: not known.
        listed: Whether a model that the settings name is shown; those that are shown anyway are `LISTED`.
    """

    features: frozenset[Feature]
    thinking: Thinking | None = None
    signed_calls: bool = False
    media_results: bool = False
    continues: bool = True
    context_tokens: int | None = 1_048_576
    max_output_tokens: int | None = 65_536
    listed: bool = True


_PLAIN = frozenset(
    {
        Feature.TOOLS,
        Feature.PARALLEL_TOOL_CALLS,
        Feature.JSON_OBJECT,
        Feature.JSON_SCHEMA,
        Feature.IMAGES,
        Feature.AUDIO,
        Feature.FILES,
        Feature.SEED,
        Feature.STOP,
    }
)
_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K})
_EFFORT = frozenset({Feature.REASONING_EFFORT, Feature.REASONING_CONTENT})
_BUDGET = _EFFORT | {Feature.REASONING_BUDGET}

_BUDGET_OF: Mapping[ReasoningEffort, JsonObject] = {
    ReasoningEffort.MINIMAL: {"thinkingBudget": 1_024},
    ReasoningEffort.LOW: {"thinkingBudget": 1_024},
    ReasoningEffort.MEDIUM: {"thinkingBudget": 8_192},
    ReasoningEffort.HIGH: {"thinkingBudget": 24_576},
}
_BUDGET_OR_OFF: Mapping[ReasoningEffort, JsonObject] = {
    ReasoningEffort.NONE: {"thinkingBudget": 0},
    **_BUDGET_OF,
}


def _levels(*efforts: ReasoningEffort) -> Thinking:
    return Thinking(efforts={effort: {"thinkingLevel": effort.name} for effort in efforts})


_LMH = _levels(ReasoningEffort.LOW, ReasoningEffort.MEDIUM, ReasoningEffort.HIGH)
_MLMH = _levels(
    ReasoningEffort.MINIMAL, ReasoningEffort.LOW, ReasoningEffort.MEDIUM, ReasoningEffort.HIGH
)
_LH = _levels(ReasoningEffort.LOW, ReasoningEffort.HIGH)


def _third(thinking: Thinking) -> ModelFacts:
    return ModelFacts(
        features=_PLAIN | _SAMPLING | _EFFORT,
        thinking=thinking,
        signed_calls=True,
        media_results=True,
    )


def _fixed(thinking: Thinking) -> ModelFacts:
    return attrs.evolve(_third(thinking), features=_PLAIN | _EFFORT, continues=False)


def _second(thinking: Thinking) -> ModelFacts:
    return ModelFacts(features=_PLAIN | _SAMPLING | _BUDGET, thinking=thinking)


NEWEST = _fixed(_LMH)
"""What is assumed of a model that is not in the table: that it is like the newest one."""

MODELS: Mapping[str, ModelFacts] = {
    "gemini-3.8-flash": NEWEST,
    "gemini-3.7-flash": _fixed(_LMH),
    "gemini-3.6-flash": _fixed(_MLMH),
    "gemini-3.5-flash-lite": _fixed(_MLMH),
    "gemini-3.5-flash": _third(_MLMH),
    "gemini-3.1-flash-lite": _third(_MLMH),
    "gemini-3.1-pro": _third(_LMH),
    "gemini-3-flash": _third(_MLMH),
    "gemini-3-pro": _third(_LH),
    "gemini-flash-latest": NEWEST,
    "gemini-flash-lite-latest": _fixed(_MLMH),
    "gemini-pro-latest": _third(_LMH),
    "gemini-2.5-pro": _second(Thinking(efforts=_BUDGET_OF, budgets=((128, 32_768),))),
    "gemini-2.5-flash": _second(Thinking(efforts=_BUDGET_OR_OFF, budgets=((0, 24_576),))),
    "gemini-2.5-flash-lite": _second(
        Thinking(efforts=_BUDGET_OR_OFF, budgets=((0, 0), (512, 24_576)))
    ),
    "gemini-2.0": ModelFacts(
        features=_PLAIN | _SAMPLING | {Feature.PENALTIES}, max_output_tokens=8_192
    ),
    "gemma": ModelFacts(
        features=_SAMPLING | {Feature.TOOLS, Feature.IMAGES, Feature.STOP, Feature.SEED},
        context_tokens=None,
        max_output_tokens=None,
    ),
}

LISTED: Sequence[str] = (
    "gemini-3.8-flash",
    "gemini-3.7-flash",
    "gemini-3.6-flash",
    "gemini-3.5-flash",
    "gemini-3.5-flash-lite",
    "gemini-3.1-pro-preview",
    "gemini-3.1-flash-lite",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
)
"""Names that `ListModels` shows; any other name is passed on too."""


@attrs.frozen
class ModelTable:
    """Facts by the beginning of the name.

    Attributes:
        facts: An entry holds for every name that begins with its key, unless a longer key fits too.
        overrides: What the settings say of models; it wins over `facts`.
    """

    facts: Mapping[str, ModelFacts]
    overrides: Sequence[Override] = attrs.field(default=(), converter=by_vagueness)

    def find(self, model: str) -> ModelFacts:
        """Return what is known of `model`, a name without ``models/``."""
        return overridden(model, self.overrides, self._table, NEWEST) or NEWEST

    def _table(self, model: str) -> ModelFacts:
        fitting = [key for key in self.facts if model.startswith(key)]
        return self.facts[max(fitting, key=len)] if fitting else NEWEST

    def info(self, provider: str, model: str) -> ModelInfo:
        """Return `model` as the service's callers see it."""
        facts = self.find(model)
        return ModelInfo(
            provider=provider,
            model=model,
            features=facts.features,
            context_tokens=facts.context_tokens,
            max_output_tokens=facts.max_output_tokens,
        )


def bare_name(model: str) -> str:
    """Return `model` without the ``models/`` that Google's own lists put before it."""
    return model.removeprefix(MODELS_PREFIX)
