"""How the answer is generated: sampling, bounds, form and thinking, in Gemini's words.

Law: of thinkingBudget and thinkingLevel there is never more than one.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerationConfig
"""

from collections.abc import Callable, Sequence
from typing import Any

from adapters.providers.gemini.draft import Draft
from domain.model.chat import ChatRequest, JsonObjectFormat, JsonSchemaFormat, ReasoningConfig
from domain.model.json_value import Json, JsonObject
from domain.model.model_info import Feature

MAX_STOP = 5
_JSON = "application/json"
_INT32 = 2**31


def generation_config(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    """Return the body's ``generationConfig``; empty where nothing is asked."""
    fields: dict[str, Any] = {}
    for name, field, feature, value_of in _PARAMETERS:
        value = value_of(request)
        if value is None:
            continue
        if feature in draft.facts.features:
            fields[name] = value
        else:
            draft.lack(field, f"has no effect on {draft.model}, or is refused by it")
    if request.max_tokens is not None:
        fields["maxOutputTokens"] = request.max_tokens
    if len(request.stop) > MAX_STOP:
        draft.refuse("stop", f"has {len(request.stop)} sequences; Gemini takes at most {MAX_STOP}")
    if request.seed is not None and not -_INT32 <= request.seed < _INT32:
        draft.refuse("seed", "must fit into 32 bits with a sign for Gemini")
    fields.update(_format(request, draft))
    if request.reasoning is not None:
        thinking = _thinking(request.reasoning, draft)
        if thinking:
            fields["thinkingConfig"] = thinking
    return fields


def _format(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    chosen = request.response_format
    if isinstance(chosen, JsonObjectFormat):
        return {"responseMimeType": _JSON}
    if not isinstance(chosen, JsonSchemaFormat):
        return {}
    schema = draft.json_object(chosen.schema, "response_format.json_schema.schema")
    return {"responseMimeType": _JSON, "responseJsonSchema": schema}


def _thinking(config: ReasoningConfig, draft: Draft) -> JsonObject:
    thinking = draft.facts.thinking
    if thinking is None:
        for field, value in (
            ("effort", config.effort),
            ("budget_tokens", config.budget_tokens),
            ("include_content", config.include_content or None),
        ):
            if value is not None:
                draft.lack(
                    f"reasoning.{field}", f"cannot be asked of {draft.model}, which does not think"
                )
        return {}
    fields: dict[str, Json] = {}
    if config.effort is not None:
        fields.update(thinking.efforts.get(config.effort, {}))
        if not fields:
            known = ", ".join(effort.value for effort in thinking.efforts)
            draft.lack(
                "reasoning.effort", f"of {draft.model} is one of {known}, not {config.effort.value}"
            )
    elif config.budget_tokens is not None:
        if any(low <= config.budget_tokens <= high for low, high in thinking.budgets):
            fields["thinkingBudget"] = config.budget_tokens
        else:
            draft.lack("reasoning.budget_tokens", _budgets(thinking.budgets, draft.model))
    # Who does not think has no thoughts to show, and Gemini refuses to be asked.
    if config.include_content is not None and fields.get("thinkingBudget") != 0:
        fields["includeThoughts"] = config.include_content
    return fields


def _budgets(budgets: Sequence[tuple[int, int]], model: str) -> str:
    if not budgets:
        return f"cannot be asked of {model}: set reasoning.effort"
    ranges = " or ".join(str(low) if low == high else f"{low} to {high}" for low, high in budgets)
    return f"of {model} must be {ranges}"


# Gemini's name, ours, what a model must take for it, and the value.
_PARAMETERS: Sequence[tuple[str, str, Feature, Callable[[ChatRequest], Json]]] = (
    ("temperature", "temperature", Feature.TEMPERATURE, lambda r: r.temperature),
    ("topP", "top_p", Feature.TOP_P, lambda r: r.top_p),
    ("topK", "top_k", Feature.TOP_K, lambda r: r.top_k),
    ("stopSequences", "stop", Feature.STOP, lambda r: list(r.stop) or None),
    ("seed", "seed", Feature.SEED, lambda r: r.seed),
    ("presencePenalty", "presence_penalty", Feature.PENALTIES, lambda r: r.presence_penalty),
    ("frequencyPenalty", "frequency_penalty", Feature.PENALTIES, lambda r: r.frequency_penalty),
)
