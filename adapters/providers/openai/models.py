"""What differs from one OpenAI model to the next over Chat Completions: data, as of November 2026.

A name is looked up as it stands, then without its date, then, if it is fine-tuned, as what it was tuned
from. An unknown name that looks like OpenAI's is taken for a model newer than this table: what it takes is
left to OpenAI to judge. Everything here can be overridden by the codec's own table, where the name ``*``
stands for every name that is not known.

Source: the names are those of the Python SDK 3.54; https://developers.openai.com/api/docs/models (limits,
efforts), .../guides/latest-model and .../guides/deployment-checklist (tools and sampling from GPT-5.4 on),
.../guides/reasoning, .../guides/prompt-caching; openai/openai-openapi#541 and crewAIInc/crewAI#6660
(measured: tools beside reasoning_effort).
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

import attrs

from adapters.providers.chat_completions.dialect import ROLES
from domain.model.chat import ReasoningEffort, Role
from domain.model.model_info import Feature, ModelInfo

NONE, MINIMAL, LOW, MEDIUM, HIGH = ReasoningEffort

Efforts = Mapping[ReasoningEffort, str]


class ToolRule(Enum):
    """When a model that takes tools takes them."""

    ALWAYS = auto()
    UNSAID = auto()
    """Only where no effort is said, or none."""
    RESTING = auto()
    """Only where effort none is said."""


@attrs.frozen(kw_only=True)
class ModelFacts:
    """What one model takes.

    Attributes:
        features: What requests may ask for, but for what `efforts` and `cache_ttls_s` say.
        efforts: Its words for ours; an effort that is missing cannot be asked for. Empty: none can.
        rests: Whether it does not reason where the request says nothing.
        samples_resting: Whether it takes temperature and top_p only while it does not reason.
        tools: When it takes tools, if it does.
        roles: Its words for ours.
        cache_ttls_s: How long a breakpoint may keep a prefix, in seconds; empty: there are no breakpoints.
        context_tokens: Prompt and answer together; ``None``: not known.
        max_output_tokens: Longest answer, reasoning included; ``None``: not known.
        listed: Whether the model is offered in listings; others can still be called.
    """

    features: frozenset[Feature]
    efforts: Efforts = attrs.field(factory=dict)
    rests: bool = False
    samples_resting: bool = False
    tools: ToolRule = ToolRule.ALWAYS
    roles: Mapping[Role, str] = attrs.field(factory=lambda: ROLES)
    cache_ttls_s: frozenset[float] = frozenset()
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    listed: bool = True


CACHE_TTLS_S = frozenset({1_800.0, 43_200.0})
_THREE: Efforts = {MINIMAL: "low", LOW: "low", MEDIUM: "medium", HIGH: "high"}
_FOUR: Efforts = {**_THREE, MINIMAL: "minimal"}
_WITH_NONE: Efforts = {NONE: "none", **_THREE}
_AS_ASKED: Efforts = {effort: effort.value for effort in ReasoningEffort}
# OpenAI's newer name for the same thing; a system message beside a developer message is refused.
_DEVELOPER: Mapping[Role, str] = {**ROLES, Role.SYSTEM: "developer"}
_NO_INSTRUCTIONS: Mapping[Role, str] = {**ROLES, Role.SYSTEM: "user", Role.DEVELOPER: "user"}

_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P})
_BASIC = frozenset({Feature.SEED, Feature.END_USER})
_TOOLS = frozenset({Feature.TOOLS, Feature.PARALLEL_TOOL_CALLS})
_JSON = frozenset({Feature.JSON_OBJECT, Feature.JSON_SCHEMA})
_SEEING = frozenset({Feature.IMAGES, Feature.FILES})
_FREE = _SAMPLING | {Feature.STOP, Feature.PENALTIES}

_GPT_3_5 = ModelFacts(
    features=_BASIC | _TOOLS | _FREE | {Feature.JSON_OBJECT},
    context_tokens=16_385,
    max_output_tokens=4_096,
    listed=False,
)
_GPT_4O = ModelFacts(
    features=_BASIC | _TOOLS | _FREE | _JSON | _SEEING,
    context_tokens=128_000,
    max_output_tokens=16_384,
)
_GPT_4_1 = attrs.evolve(_GPT_4O, context_tokens=1_047_576, max_output_tokens=32_768)
_SPEAKING = attrs.evolve(_GPT_4O, features=_BASIC | _TOOLS | _FREE | {Feature.AUDIO}, listed=False)

_O1_MINI = ModelFacts(
    features=_BASIC,
    roles=_NO_INSTRUCTIONS,
    context_tokens=128_000,
    max_output_tokens=65_536,
    listed=False,
)
_O1 = ModelFacts(
    features=_BASIC | _JSON | _SEEING | {Feature.TOOLS, Feature.STOP},
    efforts=_THREE,
    roles=_DEVELOPER,
    context_tokens=200_000,
    max_output_tokens=100_000,
)
_O3 = attrs.evolve(_O1, features=_O1.features - {Feature.STOP})

_GPT_5 = ModelFacts(
    features=_BASIC | _TOOLS | _JSON | _SEEING,
    efforts=_FOUR,
    roles=_DEVELOPER,
    context_tokens=400_000,
    max_output_tokens=128_000,
)
_GPT_5_1 = attrs.evolve(
    _GPT_5,
    features=_GPT_5.features | _SAMPLING,
    efforts=_WITH_NONE,
    rests=True,
    samples_resting=True,
)
_GPT_5_4 = attrs.evolve(_GPT_5_1, tools=ToolRule.UNSAID, context_tokens=1_050_000)
_GPT_5_4_MINI = attrs.evolve(_GPT_5_4, context_tokens=400_000)
_GPT_5_5 = attrs.evolve(_GPT_5_4, rests=False)
_GPT_5_6 = attrs.evolve(_GPT_5_5, tools=ToolRule.RESTING, cache_ttls_s=CACHE_TTLS_S)
# It always reasons, and a model that reasons takes tools only over Responses.
_ALWAYS_REASONING = attrs.evolve(
    _GPT_5_6,
    features=_GPT_5.features - _TOOLS,
    efforts=_THREE,
    samples_resting=False,
    tools=ToolRule.ALWAYS,
)
_CHAT_LATEST = attrs.evolve(_GPT_4O, roles=_DEVELOPER, listed=False)
_MEDIUM_ONLY = attrs.evolve(_CHAT_LATEST, efforts={MEDIUM: "medium"})

MODELS: Mapping[str, ModelFacts] = {
    "gpt-6.2-astra": _ALWAYS_REASONING,
    "gpt-6.2-sol": _ALWAYS_REASONING,
    "gpt-6.1-sol": _ALWAYS_REASONING,
    "gpt-6.1-terra": _GPT_5_6,
    "gpt-6-astra": _ALWAYS_REASONING,
    "gpt-6-sol": _GPT_5_6,
    "gpt-6-luna": _GPT_5_6,
    "gpt-5.6": _GPT_5_6,
    "gpt-5.6-sol": _GPT_5_6,
    "gpt-5.6-terra": _GPT_5_6,
    "gpt-5.6-luna": _GPT_5_6,
    "gpt-5.5": _GPT_5_5,
    "gpt-5.4": _GPT_5_4,
    "gpt-5.4-mini": _GPT_5_4_MINI,
    "gpt-5.4-nano": _GPT_5_4_MINI,
    "gpt-5.3-chat-latest": _MEDIUM_ONLY,
    "gpt-5.2": _GPT_5_1,
    "gpt-5.2-chat-latest": _MEDIUM_ONLY,
    "gpt-5.1": _GPT_5_1,
    "gpt-5.1-mini": _GPT_5_1,
    "gpt-5.1-chat-latest": _MEDIUM_ONLY,
    "gpt-5": _GPT_5,
    "gpt-5-mini": _GPT_5,
    "gpt-5-nano": _GPT_5,
    "gpt-5-chat-latest": _CHAT_LATEST,
    "gpt-4.1": _GPT_4_1,
    "gpt-4.1-mini": _GPT_4_1,
    "gpt-4.1-nano": _GPT_4_1,
    "o4-mini": _O3,
    "o3": _O3,
    "o3-mini": attrs.evolve(_O1, features=_O1.features - _SEEING, listed=False),
    "o1": attrs.evolve(_O1, listed=False),
    "o1-mini": _O1_MINI,
    "o1-preview": attrs.evolve(_O1_MINI, max_output_tokens=32_768),
    "gpt-4o": _GPT_4O,
    "gpt-4o-mini": _GPT_4O,
    "chatgpt-4o-latest": attrs.evolve(_GPT_4O, listed=False),
    "gpt-audio-mini": _SPEAKING,
    "gpt-4o-audio-preview": _SPEAKING,
    "gpt-4o-mini-audio-preview": _SPEAKING,
    "gpt-4-turbo": attrs.evolve(
        _GPT_3_5, features=_GPT_3_5.features | {Feature.IMAGES}, context_tokens=128_000
    ),
    "gpt-4": attrs.evolve(
        _GPT_3_5,
        features=_GPT_3_5.features - {Feature.JSON_OBJECT},
        context_tokens=8_192,
        max_output_tokens=8_192,
    ),
    "gpt-3.5-turbo": _GPT_3_5,
}
NEWER = ModelFacts(
    features=_GPT_4O.features | {Feature.AUDIO},
    efforts=_AS_ASKED,
    cache_ttls_s=CACHE_TTLS_S,
    listed=False,
)
ANY = "*"

_DATE = re.compile(r"-\d{4}(?:-\d{2}-\d{2})?\Z")
_OPENAI = re.compile(r"(?:chat)?gpt-|o\d")


def facts_of(model: str, table: Mapping[str, ModelFacts] = MODELS) -> ModelFacts | None:
    """Return what is known of `model`; None: it is nobody's name."""
    tuned_from = model.split(":")[1] if model.startswith("ft:") else model
    for name in (model, tuned_from, _DATE.sub("", tuned_from)):
        if name in table:
            return table[name]
    return NEWER if _OPENAI.match(tuned_from) else table.get(ANY)


def info_of(provider: str, model: str, facts: ModelFacts) -> ModelInfo:
    """Return `facts` in the core's words."""
    return ModelInfo(
        provider=provider,
        model=model,
        features=features_of(facts),
        context_tokens=facts.context_tokens,
        max_output_tokens=facts.max_output_tokens,
    )


def features_of(facts: ModelFacts) -> frozenset[Feature]:
    """Return the parts of a request that a model with `facts` takes."""
    found = facts.features
    if facts.efforts:
        found |= {Feature.REASONING_EFFORT}
    if facts.cache_ttls_s:
        found |= {Feature.PROMPT_CACHING}
    return found
