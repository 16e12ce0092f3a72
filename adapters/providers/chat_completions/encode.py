"""A call as a Chat Completions request.

Laws: the body is the same bytes for the same call; a schema goes into it byte for byte; what the
dialect cannot say is refused, or dropped with a warning where the caller allows it, and never silently
lost.

Options (`provider_options` under the provider's name) are merged last and at the top level: a key
replaces the whole field of that name. What decides whom is asked and how the answer is read is not
theirs to set.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from adapters.providers.chat_completions.dialect import CachePlace, Dialect
from adapters.providers.chat_completions.draft import Draft
from adapters.providers.chat_completions.messages import messages
from adapters.providers.chat_completions.tools import tool_fields
from adapters.wire.body import json_body
from adapters.wire.codec import WireRequest
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, JsonObjectFormat, JsonSchemaFormat, ResponseFormat
from domain.model.errors import InvalidRequest
from domain.model.json_value import Json
from domain.model.model_info import Feature


def encode(call: ChatCall, dialect: Dialect) -> WireRequest:
    """Return the request for `call`.

    Raises:
        InvalidRequest: Names every part that cannot be said.
    """
    return write(call, Draft(dialect, call.request.unsupported_params))


def write(call: ChatCall, draft: Draft, fields: Mapping[str, Json] | None = None) -> WireRequest:
    """Return the request for `call`, begun as `draft`.

    Args:
        call: What is asked.
        draft: May hold problems already.
        fields: Further ones for the body; they win over the dialect's own, and options over them.

    Raises:
        InvalidRequest: Names every part that cannot be said.
    """
    request, dialect = call.request, draft.dialect
    body: dict[str, Any] = {
        "model": request.model,
        "messages": messages(request.messages, draft),
    }
    body.update(_parameters(request, draft))
    if request.tools:
        body.update(tool_fields(request, draft))
    if request.response_format is not None:
        body.update(_format(request.response_format, draft))
    if request.cache_control is not None:
        body.update(draft.mark(request.cache_control, "cache_control", CachePlace.BODY))
    body.update(fields or {})
    if call.delivery is Delivery.STREAMED:
        body["stream"] = True
        if dialect.stream_options is not None:
            body["stream_options"] = dialect.stream_options
    options = request.provider_options.get(dialect.name, {})
    for key in sorted(dialect.reserved & options.keys()):
        draft.refuse(f"provider_options.{dialect.name}.{key}", "is set by the service itself")
    if draft.violations:
        raise InvalidRequest(*draft.violations)
    return WireRequest(
        path=dialect.path, body=json_body({**body, **options}), warnings=tuple(draft.warnings)
    )


def _parameters(request: ChatRequest, draft: Draft) -> dict[str, Json]:
    dialect = draft.dialect
    fields: dict[str, Json] = {}
    for field, feature, value_of in _PARAMETERS:
        value = value_of(request)
        # 0 says something.
        if value is None or value == ():
            continue
        if feature in dialect.features:
            fields[dialect.parameter_names.get(field, field)] = value
        else:
            draft.lack(field, f"cannot be asked of {dialect.name}")
    if request.max_tokens is not None:
        fields[dialect.max_tokens_field] = request.max_tokens
    if request.end_user and Feature.END_USER in dialect.features:
        fields[dialect.end_user_field] = request.end_user
    elif request.end_user:
        draft.lack("end_user", f"cannot be told to {dialect.name}")
    if request.reasoning is not None:
        fields.update(_reasoning(request, draft))
    return fields


def _reasoning(request: ChatRequest, draft: Draft) -> dict[str, Json]:
    config, dialect = request.reasoning, draft.dialect
    assert config is not None
    if config.budget_tokens is not None and Feature.REASONING_BUDGET not in dialect.features:
        draft.lack("reasoning.budget_tokens", f"cannot be asked of {dialect.name}")
    if config.effort is not None and Feature.REASONING_EFFORT not in dialect.features:
        draft.lack("reasoning.effort", f"cannot be asked of {dialect.name}")
        return {}
    return dict(dialect.reasoning(config))


def _format(chosen: ResponseFormat, draft: Draft) -> dict[str, Any]:
    if isinstance(chosen, JsonObjectFormat):
        return {"response_format": {"type": "json_object"}}
    if not isinstance(chosen, JsonSchemaFormat):
        return {}
    inner: dict[str, Any] = {
        "name": chosen.name,
        "schema": draft.schema(chosen.schema, "response_format.json_schema.schema"),
    }
    if chosen.strict is not None:
        inner["strict"] = chosen.strict
    return {"response_format": {"type": "json_schema", "json_schema": inner}}


_PARAMETERS: Sequence[tuple[str, Feature, Callable[[ChatRequest], Json]]] = (
    ("temperature", Feature.TEMPERATURE, attrgetter("temperature")),
    ("top_p", Feature.TOP_P, attrgetter("top_p")),
    ("top_k", Feature.TOP_K, attrgetter("top_k")),
    ("stop", Feature.STOP, attrgetter("stop")),
    ("seed", Feature.SEED, attrgetter("seed")),
    ("presence_penalty", Feature.PENALTIES, attrgetter("presence_penalty")),
    ("frequency_penalty", Feature.PENALTIES, attrgetter("frequency_penalty")),
)
