"""How hard the model thinks, and what else it then takes.

Laws: an effort is ``output_config.effort`` with adaptive thinking, or a budget on models that know only
budgets; a budget leaves room for the answer; a model that thinks with a budget is not forced to call a tool;
a model that thinks is not told how to sample.

Source: https://platform.claude.com/docs/en/build-with-claude/effort, .../build-with-claude/extended-thinking
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from adapters.providers.anthropic.draft import Draft
from adapters.providers.anthropic.models import Thinking
from domain.model.chat import ChatRequest, ReasoningConfig, ReasoningEffort

LEAST_BUDGET = 1_024
"""Tokens; the API refuses less."""
_BUDGETS: Mapping[ReasoningEffort, int] = {
    ReasoningEffort.MINIMAL: LEAST_BUDGET,
    ReasoningEffort.LOW: 2_048,
    ReasoningEffort.MEDIUM: 8_192,
    ReasoningEffort.HIGH: 24_576,
}
_LEAST_TOP_P = 0.95


@attrs.frozen
class Plan:
    """How the model thinks.

    Attributes:
        thinking: The body's ``thinking``; ``None``: nothing is said.
        effort: Of ``output_config``; empty: nothing is said.
        max_tokens: Thinking and answer together.
    """

    thinking: Mapping[str, Any] | None
    effort: str
    max_tokens: int

    @property
    def thinks(self) -> bool:
        """Whether the request turns thinking on."""
        return self.thinking is not None and self.thinking["type"] in set(Thinking)


def plan(request: ChatRequest, choice: Mapping[str, Any] | None, draft: Draft) -> Plan:
    """Return how the model thinks, given the body's ``tool_choice``."""
    bound = request.max_tokens or draft.facts.default_max_tokens
    plain = Plan(None, "", bound)
    config = request.reasoning
    if config is None:
        return plain
    if config.effort is ReasoningEffort.NONE or config.budget_tokens == 0:
        return attrs.evolve(plain, thinking=_off(config, draft))
    if config.effort is None and config.budget_tokens is None:
        return attrs.evolve(plain, thinking=_shown(config, draft))
    thinking, effort = _on(config, request, draft)
    if thinking is not None and thinking["type"] == Thinking.BUDGET:
        if choice is not None and choice["type"] in {"any", "tool"}:
            draft.lack("reasoning", "cannot be combined with a forced tool call: choose one")
            return plain
        bound = _bound(thinking["budget_tokens"], request, draft)
    return Plan(thinking, effort, bound)


def sampling(request: ChatRequest, thinks: bool, draft: Draft) -> dict[str, float]:
    """Return the fields about sampling."""
    fields: dict[str, float] = {}
    for field, value_of, is_free in _SAMPLING:
        value = value_of(request)
        if value is None:
            continue
        if not draft.facts.sampling:
            draft.lack(field, f"cannot be asked of {draft.model}, which samples as it likes")
            continue
        if field == "temperature" and value > 1:
            draft.adjust(field, f"is {value:g}; Anthropic's ends at 1, which is used")
            value = 1.0
        if thinks and not is_free(value):
            draft.lack(field, f"cannot be {value:g} while the model thinks: leave it out")
            continue
        fields[field] = value
    return fields


_SAMPLING: Sequence[tuple[str, Callable[[ChatRequest], float | None], Callable[[float], bool]]] = (
    ("temperature", lambda r: r.temperature, lambda value: value == 1),
    ("top_p", lambda r: r.top_p, lambda value: value >= _LEAST_TOP_P),
    ("top_k", lambda r: r.top_k, lambda value: False),
)


def _off(config: ReasoningConfig, draft: Draft) -> Mapping[str, Any] | None:
    if not draft.facts.thinking:
        return None
    if not draft.facts.thinking_off:
        field = "effort" if config.effort is not None else "budget_tokens"
        draft.lack(f"reasoning.{field}", f"cannot be none for {draft.model}, which always thinks")
        return None
    return {"type": draft.facts.thinking_off}


def _shown(config: ReasoningConfig, draft: Draft) -> Mapping[str, Any] | None:
    """Return what shows or hides the thoughts of a model that thinks unasked."""
    if config.include_content is None or not draft.facts.thinks_by_default:
        return None
    return {"type": Thinking.ADAPTIVE.value, **_display(config, draft)}


def _display(config: ReasoningConfig, draft: Draft) -> Mapping[str, str]:
    # Models that know only budgets do not know this word, and show what they think.
    if config.include_content is None or Thinking.ADAPTIVE not in draft.facts.thinking:
        return {}
    return {"display": "summarized" if config.include_content else "omitted"}


def _budget(tokens: int, config: ReasoningConfig, draft: Draft) -> Mapping[str, Any]:
    return {
        "type": Thinking.BUDGET.value,
        "budget_tokens": tokens,
        **_display(config, draft),
    }


def _on(
    config: ReasoningConfig, request: ChatRequest, draft: Draft
) -> tuple[Mapping[str, Any] | None, str]:
    """Return ``thinking`` and the effort."""
    facts = draft.facts
    if config.effort is None:
        if Thinking.BUDGET not in facts.thinking:
            draft.lack(
                "reasoning.budget_tokens",
                f"cannot be asked of {draft.model}: set reasoning.effort instead",
            )
            return None, ""
        return _budget(config.budget_tokens or 0, config, draft), ""
    if not facts.thinking:
        draft.lack("reasoning.effort", f"cannot be asked of {draft.model}, which does not think")
        return None, ""
    effort = config.effort.value
    if facts.efforts and effort not in facts.efforts:
        draft.adjust("reasoning.effort", f"is {effort!r}, which is 'low' to {draft.model}")
        effort = "low"
    spoken = effort if facts.efforts else ""
    if Thinking.ADAPTIVE in facts.thinking:
        return {"type": Thinking.ADAPTIVE.value, **_display(config, draft)}, spoken
    budget = _BUDGETS[config.effort]
    if request.max_tokens is not None:
        # At least half of what the caller allows is left to the answer.
        budget = min(budget, max(LEAST_BUDGET, request.max_tokens // 2))
    return _budget(budget, config, draft), spoken


def _bound(budget: int, request: ChatRequest, draft: Draft) -> int:
    """Return ``max_tokens`` for thinking with `budget`."""
    if budget < LEAST_BUDGET:
        draft.refuse(
            "reasoning.budget_tokens",
            f"is {budget}; Anthropic thinks with {LEAST_BUDGET} or more, or not at all with 0",
        )
    facts = draft.facts
    roomy = budget + facts.default_max_tokens
    bound = request.max_tokens or min(roomy, facts.max_output_tokens or roomy)
    if bound <= budget:
        draft.refuse(
            "max_tokens",
            f"is {bound}, which thinking with a budget of {budget} tokens counts into: raise it above",
        )
    return bound
