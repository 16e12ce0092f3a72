"""How hard a model thinks, and its earlier thoughts on their way back, in OpenRouter's words.

Laws: what a model thought goes back byte for byte as it was given to the caller; thoughts that may have to
go back with a tool's result are asked for, although the caller does not want to see them.

Source: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens
"""

from collections.abc import Mapping, Sequence

import orjson

from domain.model.chat import ChatRequest, Reasoning, ReasoningEffort
from domain.model.json_value import Json, JsonObject


def reasoning_fields(request: ChatRequest) -> JsonObject:
    """Return the body's fields that say how the model thinks."""
    config = request.reasoning
    if config is None:
        return {}
    said: dict[str, Json] = {}
    if config.effort is not None:
        said["effort"] = config.effort.value
    elif config.budget_tokens == 0:
        said["effort"] = ReasoningEffort.NONE.value
    elif config.budget_tokens is not None:
        said["max_tokens"] = config.budget_tokens
    if config.include_content is not None:
        said["exclude"] = not config.include_content and not request.tools
    return {"reasoning": said} if said else {}


def given_back(thoughts: Sequence[Reasoning]) -> Mapping[str, object]:
    """Return the fields of an assistant's message that hold its earlier `thoughts`.

    Raises:
        ValueError: They are not what OpenRouter gave.
    """
    signed = [thought.signature for thought in thoughts if thought.signature]
    lists = [_list(signature) for signature in signed]
    # One list goes back as it stands; several can only be put together again.
    if len(lists) == 1:
        return {"reasoning_details": orjson.Fragment(signed[0])}
    if not lists:
        return {}
    return {"reasoning_details": [detail for each in lists for detail in each]}


def _list(signature: bytes) -> list[object]:
    try:
        found = orjson.loads(signature)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list):
        raise ValueError("is not what OpenRouter gave: send it back as it came, or leave it out")
    return found
