"""A call as a generateContent request.

Laws: the body is the same bytes for the same call; what Gemini cannot be asked is refused, or dropped
with a warning where the caller allows it, and never silently lost.

Options (`provider_options` under the provider's name) are merged last: objects into objects, key by
key, tools after ours, anything else in place of what was there. A name in ``cachedContent`` brings its
own system instruction, tools and toolConfig, and Gemini refuses others beside it.

Source: https://ai.google.dev/api/generate-content
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from adapters.providers.gemini.config import GeminiConfig
from adapters.providers.gemini.contents import contents
from adapters.providers.gemini.draft import Draft
from adapters.providers.gemini.generation import generation_config
from adapters.providers.gemini.models import ModelFacts, bare_name
from adapters.providers.gemini.tools import tool_fields
from adapters.wire.body import json_body
from adapters.wire.codec import WireRequest
from adapters.wire.lookup import object_in
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, ToolResult
from domain.model.errors import InvalidRequest
from domain.model.json_value import JsonObject

_METHODS: Mapping[Delivery, str] = {
    Delivery.WHOLE: "generateContent",
    Delivery.STREAMED: "streamGenerateContent?alt=sse",
}
# What decides who is asked and how the answer is read is not for options to set.
_RESERVED = frozenset({"contents", "model"})
_BOTH = frozenset({"thinkingBudget", "thinkingLevel"})
_IN_CACHE: Mapping[str, str] = {
    "systemInstruction": "messages",
    "tools": "tools",
    "toolConfig": "tool_choice",
}


def encode(call: ChatCall, config: GeminiConfig, facts: ModelFacts) -> WireRequest:
    """Return the request for `call`, whose model is as `facts` says.

    Raises:
        InvalidRequest: Names every part that cannot be said.
    """
    request = call.request
    model = bare_name(request.model)
    draft = Draft(config.name, model, facts, request.unsupported_params, config.fetched)
    if not model:
        draft.refuse("model", "is missing: name a model, for example one that ListModels gives")
    options = request.provider_options.get(config.name, {})
    body = merged(_body(request, draft), options)
    _check(body, options, draft)
    if draft.violations:
        raise InvalidRequest(*draft.violations)
    return WireRequest(
        path=f"/{config.version}/models/{quote(model, safe='')}:{_METHODS[call.delivery]}",
        body=json_body(body),
        warnings=tuple(draft.warnings),
    )


def _body(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    system, turns = contents(request.messages, draft)
    body: dict[str, Any] = {"contents": turns, **tool_fields(request, draft)}
    if system:
        body["systemInstruction"] = {"parts": system}
    config = generation_config(request, draft)
    if config:
        body["generationConfig"] = config
    if request.end_user:
        draft.lack("end_user", "cannot be said to Gemini")
    for path in _cache_marks(request):
        draft.lack(
            path,
            "cannot be asked of Gemini, which caches by itself, or by cachedContent in the options",
        )
    return body


def merged(ours: JsonObject, theirs: JsonObject) -> dict[str, Any]:
    """Return `ours` with `theirs` in it."""
    body: dict[str, Any] = dict(ours)
    for key, value in theirs.items():
        mine = body.get(key)
        if isinstance(mine, dict) and isinstance(value, Mapping):
            body[key] = merged(mine, value)
        elif key == "tools" and isinstance(mine, list) and isinstance(value, list):
            body[key] = [*mine, *value]
        else:
            body[key] = value
    return body


def _check(body: JsonObject, options: JsonObject, draft: Draft) -> None:
    at = f"provider_options.{draft.name}"
    for key in sorted(_RESERVED & options.keys()):
        draft.refuse(f"{at}.{key}", "is set by the service itself")
    config = object_in(body, "generationConfig")
    if config.get("candidateCount", 1) != 1:
        draft.refuse(f"{at}.generationConfig.candidateCount", "must be 1: only one answer is read")
    if object_in(config, "thinkingConfig").keys() >= _BOTH:
        draft.refuse(
            f"{at}.generationConfig.thinkingConfig",
            "asks for a level and a budget together with reasoning: leave one of them out",
        )
    if body.get("cachedContent"):
        for key in sorted(_IN_CACHE.keys() & body.keys()):
            draft.refuse(
                _IN_CACHE[key],
                f"put {key} beside cachedContent, which Gemini refuses: it is part of the cached content",
            )


def _cache_marks(request: ChatRequest) -> Iterator[str]:
    """Give the paths of all cache breakpoints."""
    if request.cache_control is not None:
        yield "cache_control"
    for index, message in enumerate(request.messages):
        path = f"messages[{index}]"
        if message.cache_control is not None:
            yield f"{path}.cache_control"
        yield from _part_marks(message.parts, f"{path}.parts")
    for index, tool in enumerate(request.tools):
        if tool.cache_control is not None:
            yield f"tools[{index}].cache_control"


def _part_marks(parts: tuple[Any, ...], path: str) -> Iterator[str]:
    for index, part in enumerate(parts):
        if getattr(part, "cache_control", None) is not None:
            yield f"{path}[{index}].cache_control"
        if isinstance(part, ToolResult):
            yield from _part_marks(part.content, f"{path}[{index}].tool_result.content")
