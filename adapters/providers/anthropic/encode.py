"""A call as the body of ``POST /v1/messages``.

Laws: the same call gives the same bytes; what a caller wrote as JSON (schemas, arguments) goes out byte for
byte; all that is wrong with a request is told at once.

`provider_options` are merged last: objects key by key unless they name a ``type`` of their own, lists are
appended, anything else replaces. ``betas`` among them is a list of names for the ``anthropic-beta`` header.

Source: https://platform.claude.com/docs/en/api/messages
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.providers.anthropic.caching import place
from adapters.providers.anthropic.draft import Draft
from adapters.providers.anthropic.messages import conversation
from adapters.providers.anthropic.thinking import plan, sampling
from adapters.providers.anthropic.tools import tool_choice, tools
from adapters.wire.body import json_body
from adapters.wire.codec import WireRequest
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, JsonObjectFormat, JsonSchemaFormat
from domain.model.errors import InvalidRequest
from domain.model.json_value import Json

PATH = "/v1/messages"
_RESERVED = ("messages", "model", "stream")
"""What a caller's options may not change: whom it asks, what, and how the answer is read."""
_BETA = re.compile(r"[A-Za-z0-9._-]+")
_NEVER: Sequence[tuple[str, Callable[[ChatRequest], object]]] = (
    ("seed", lambda r: r.seed),
    ("presence_penalty", lambda r: r.presence_penalty),
    ("frequency_penalty", lambda r: r.frequency_penalty),
)


def encode(call: ChatCall, draft: Draft, version: str, betas: Sequence[str]) -> WireRequest:
    """Return the request for `call`.

    Args:
        call: What is asked.
        draft: An empty one, for the call's model.
        version: Of the API.
        betas: Names sent with every request.

    Raises:
        InvalidRequest: Names every part that cannot be said.
    """
    request = call.request
    body = _body(request, draft)
    if call.delivery is Delivery.STREAMED:
        body["stream"] = True
    options = dict(request.provider_options.get(draft.provider, {}))
    wanted = _betas(options.pop("betas", None), draft)
    for key in _RESERVED:
        if key in options:
            path = f"provider_options.{draft.provider}.{key}"
            draft.refuse(path, "is set by the service itself")
    if draft.violations:
        raise InvalidRequest(*draft.violations)
    headers = {"anthropic-version": version}
    # A name twice says no more than once; the order is kept, so that the bytes are stable.
    if names := ",".join(dict.fromkeys((*betas, *wanted))):
        headers["anthropic-beta"] = names
    return WireRequest(
        path=PATH,
        body=json_body(_merged(body, options)),
        headers=headers,
        warnings=tuple(draft.warnings),
    )


def _body(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    shown = tools(request, draft)
    system, turns = conversation(request.messages, draft)
    place(request.cache_control, shown, system, turns, draft)
    choice = tool_choice(request, draft)
    thought = plan(request, choice, draft)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": thought.max_tokens,
        "messages": [
            {"role": turn.role, "content": [block.fields for block in turn.blocks]}
            for turn in turns
        ],
        **sampling(request, thought.thinks, draft),
    }
    if system:
        body["system"] = [block.fields for block in system]
    if shown:
        body["tools"] = [block.fields for block in shown]
    if choice is not None:
        body["tool_choice"] = choice
    if thought.thinking is not None:
        body["thinking"] = thought.thinking
    output = _format(request, draft)
    if thought.effort:
        output["effort"] = thought.effort
    if output:
        body["output_config"] = output
    if request.end_user:
        body["metadata"] = {"user_id": request.end_user}
    if request.stop:
        body["stop_sequences"] = _stop(request, draft)
    for field, value_of in _NEVER:
        if value_of(request) is not None:
            draft.lack(field, "cannot be asked of Anthropic")
    return body


def _stop(request: ChatRequest, draft: Draft) -> list[str]:
    for index, sequence in enumerate(request.stop):
        if not sequence.strip():
            draft.refuse(f"stop[{index}]", "is only white space, which Anthropic does not stop at")
    return list(request.stop)


def _format(request: ChatRequest, draft: Draft) -> dict[str, Any]:
    chosen = request.response_format
    if isinstance(chosen, JsonObjectFormat):
        draft.lack(
            "response_format.json_object",
            "cannot be asked of Anthropic: send a json_schema instead",
        )
    if not isinstance(chosen, JsonSchemaFormat):
        return {}
    if not draft.facts.structured_output:
        draft.lack("response_format.json_schema", f"cannot be asked of {draft.model}")
        return {}
    schema = draft.json_object(chosen.schema, "response_format.json_schema.schema")
    return {"format": {"type": "json_schema", "schema": schema}}


def _betas(value: Json, draft: Draft) -> Sequence[str]:
    names = value if isinstance(value, list | tuple) else [value]
    if value is None:
        return ()
    found = [name for name in names if isinstance(name, str) and _BETA.fullmatch(name)]
    if len(found) < len(names):
        draft.refuse(
            f"provider_options.{draft.provider}.betas",
            "is no list of names made of letters, digits, dots, dashes and underscores",
        )
    return found


def _merged(ours: dict[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(ours)
    for key, value in theirs.items():
        present = merged.get(key)
        if isinstance(present, Mapping) and isinstance(value, Mapping) and "type" not in value:
            merged[key] = _merged(dict(present), value)
        elif isinstance(present, list) and isinstance(value, list | tuple):
            merged[key] = [*present, *value]
        else:
            merged[key] = value
    return merged
