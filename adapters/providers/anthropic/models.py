"""What differs from one Claude model to the next: data, as of November 2026.

A name is looked up as it stands, then without its date. An unknown ``claude-`` name is taken for a model
newer than this table. Everything here can be overridden by the codec's own table, where the name ``*``
stands for every name that is not known.

Source: https://platform.claude.com/docs/en/about-claude/models/overview (limits),
.../build-with-claude/thinking-troubleshooting (kinds of thinking, their defaults, what is refused),
.../build-with-claude/effort, .../build-with-claude/prompt-caching (minimum; for Opus 4.7, Opus 4.8, Sonnet
4.6 and Fable 5 sources disagree, the latest page counts),
.../build-with-claude/mid-conversation-system-messages; the names are those of the Python SDK 2.12.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

import attrs

from domain.model.model_info import Feature, ModelInfo


class Thinking(StrEnum):
    """A way in which a model can be told to think; the word is the wire's ``thinking.type``."""

    ADAPTIVE = "adaptive"
    BUDGET = "enabled"


@attrs.frozen(kw_only=True)
class ModelFacts:
    """What one model takes.

    Attributes:
        thinking: Ways to ask for thinking; empty: the model does not think.
        thinks_by_default: Whether it thinks where the request says nothing.
        thinking_off: The ``thinking.type`` that turns thinking off; empty: nothing does.
        efforts: Words for ``output_config.effort``; empty: it takes none.
        sampling: Whether it takes temperature, top_p and top_k.
        system_in_messages: Whether a system message may follow a user's turn.
        structured_output: Whether it takes ``output_config.format`` and strict tools.
        prefill: Whether the conversation may end with the assistant's own words.
        forced_tool_choice: Whether it can be made to call a tool.
        images: Whether it sees pictures.
        files: Whether it reads documents.
        context_tokens: Prompt and answer together; ``None``: not known.
        max_output_tokens: Longest answer, thinking included; ``None``: not known.
        default_max_tokens: Sent where the caller sets no bound, since the API demands one.
        cache_minimum_tokens: Shorter prefixes are silently not cached; ``None``: not known.
        listed: Whether the model is offered in listings; others can still be called.
    """

    thinking: frozenset[Thinking] = frozenset()
    thinks_by_default: bool = False
    thinking_off: str = "disabled"
    efforts: frozenset[str] = frozenset()
    sampling: bool = False
    system_in_messages: bool = False
    structured_output: bool = False
    prefill: bool = False
    forced_tool_choice: bool = True
    images: bool = True
    files: bool = True
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    default_max_tokens: int = 8_192
    cache_minimum_tokens: int | None = None
    listed: bool = True


_ALL_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})

_CLAUDE_3 = ModelFacts(
    sampling=True,
    prefill=True,
    context_tokens=200_000,
    max_output_tokens=8_192,
    cache_minimum_tokens=1_024,
    listed=False,
)
_BUDGET_ONLY = attrs.evolve(
    _CLAUDE_3, thinking=frozenset({Thinking.BUDGET}), max_output_tokens=64_000
)
_CLAUDE_4 = attrs.evolve(_BUDGET_ONLY, max_output_tokens=32_000)
_CLAUDE_4_5 = attrs.evolve(_BUDGET_ONLY, structured_output=True, listed=True)
_CLAUDE_4_6 = attrs.evolve(
    _CLAUDE_4_5,
    thinking=frozenset(Thinking),
    efforts=_ALL_EFFORTS - {"xhigh"},
    prefill=False,
    context_tokens=1_000_000,
    max_output_tokens=128_000,
)
_OPUS_4_7 = attrs.evolve(
    _CLAUDE_4_6,
    thinking=frozenset({Thinking.ADAPTIVE}),
    efforts=_ALL_EFFORTS,
    sampling=False,
    cache_minimum_tokens=2_048,
)
_OPUS_4_8 = attrs.evolve(_OPUS_4_7, system_in_messages=True, cache_minimum_tokens=1_024)
# Thinking counts as output: leave room for both.
_THINKING = attrs.evolve(
    _OPUS_4_8, thinks_by_default=True, default_max_tokens=32_000, cache_minimum_tokens=512
)
_ALWAYS_THINKING = attrs.evolve(_THINKING, thinking_off="")
_FABLE_5 = attrs.evolve(_ALWAYS_THINKING, forced_tool_choice=False)

MODELS: Mapping[str, ModelFacts] = {
    "claude-fable-5-2": _ALWAYS_THINKING,
    "claude-mythos-5-2": _ALWAYS_THINKING,
    "claude-opus-5-5": _ALWAYS_THINKING,
    "claude-sonnet-5-5": attrs.evolve(_THINKING, thinking_off="between_tools"),
    "claude-haiku-5-5": _THINKING,
    "claude-fable-5-1": _ALWAYS_THINKING,
    "claude-mythos-5-1": _ALWAYS_THINKING,
    "claude-fable-5": _FABLE_5,
    "claude-mythos-5": _FABLE_5,
    "claude-opus-5": _THINKING,
    "claude-sonnet-5": attrs.evolve(_THINKING, cache_minimum_tokens=1_024),
    "claude-opus-4-8": _OPUS_4_8,
    "claude-opus-4-7": _OPUS_4_7,
    "claude-mythos-preview": attrs.evolve(
        _FABLE_5,
        thinking=frozenset(Thinking),
        system_in_messages=False,
        cache_minimum_tokens=2_048,
    ),
    "claude-opus-4-6": attrs.evolve(_CLAUDE_4_6, cache_minimum_tokens=4_096),
    "claude-sonnet-4-6": _CLAUDE_4_6,
    "claude-opus-4-5": attrs.evolve(
        _CLAUDE_4_5, efforts=frozenset({"low", "medium", "high"}), cache_minimum_tokens=4_096
    ),
    "claude-sonnet-4-5": _CLAUDE_4_5,
    "claude-haiku-4-5": attrs.evolve(_CLAUDE_4_5, cache_minimum_tokens=4_096),
    "claude-opus-4-1": attrs.evolve(_CLAUDE_4, structured_output=True),
    "claude-opus-4-0": _CLAUDE_4,
    "claude-opus-4": _CLAUDE_4,
    "claude-sonnet-4-0": _BUDGET_ONLY,
    "claude-sonnet-4": _BUDGET_ONLY,
    "claude-3-7-sonnet": _BUDGET_ONLY,
    "claude-3-5-sonnet": _CLAUDE_3,
    "claude-3-5-haiku": attrs.evolve(_CLAUDE_3, cache_minimum_tokens=2_048),
    "claude-3-opus": attrs.evolve(_CLAUDE_3, max_output_tokens=4_096, default_max_tokens=4_096),
    "claude-3-haiku": attrs.evolve(
        _CLAUDE_3, max_output_tokens=4_096, default_max_tokens=4_096, cache_minimum_tokens=2_048
    ),
}
# What all models of the latest generation have in common; the rest is left to the provider to judge.
NEWER = attrs.evolve(
    _THINKING,
    prefill=True,
    system_in_messages=False,
    context_tokens=None,
    max_output_tokens=None,
    cache_minimum_tokens=None,
    listed=False,
)
ANY = "*"

_DATE = re.compile(r"-(?:\d{8}|latest)\Z")

_ALWAYS = frozenset(
    {
        Feature.TOOLS,
        Feature.PARALLEL_TOOL_CALLS,
        Feature.PROMPT_CACHING,
        Feature.STOP,
        Feature.END_USER,
    }
)
_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K})


def facts_of(model: str, table: Mapping[str, ModelFacts] = MODELS) -> ModelFacts | None:
    """Return what is known of `model`; None: it is nobody's name."""
    exact = table.get(model) or table.get(_DATE.sub("", model))
    if exact is not None:
        return exact
    return NEWER if model.startswith("claude-") else table.get(ANY)


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
    found = _ALWAYS
    if facts.images:
        found |= {Feature.IMAGES}
    if facts.files:
        found |= {Feature.FILES}
    if facts.sampling:
        found |= _SAMPLING
    if facts.structured_output:
        found |= {Feature.JSON_SCHEMA}
    if facts.thinking:
        found |= {Feature.REASONING_EFFORT, Feature.REASONING_CONTENT}
    if Thinking.BUDGET in facts.thinking:
        found |= {Feature.REASONING_BUDGET}
    return found
