"""From the wire's request to the core's.

Law: everything that is wrong with a request is named in one answer, each by its path.
"""

import math
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from domain.model.chat import (
    ChatRequest,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    OnDisconnect,
    ReasoningConfig,
    ReasoningEffort,
    ResponseFormat,
    TextFormat,
    Timeouts,
    UnsupportedParams,
)
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.json_value import Json, JsonObject
from domain.model.response_cache import CacheMode, ResponseCachePolicy
from domain.model.routing import DEFAULT_ROUTING, MidStream, Routing
from domain.model.target import Target
from domain.model.tools import Tool, ToolChoice, ToolMode
from domain.policy.validation import violations
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.caching import cache_of, seconds_of
from entrypoints.grpc.translate.parts import message_of

_MODES: Mapping[int, ToolMode] = {
    pb.TOOL_MODE_UNSPECIFIED: ToolMode.AUTO,
    pb.TOOL_MODE_AUTO: ToolMode.AUTO,
    pb.TOOL_MODE_NONE: ToolMode.NONE,
    pb.TOOL_MODE_REQUIRED: ToolMode.REQUIRED,
}
_EFFORTS: Mapping[int, ReasoningEffort | None] = {
    pb.REASONING_EFFORT_UNSPECIFIED: None,
    pb.REASONING_EFFORT_NONE: ReasoningEffort.NONE,
    pb.REASONING_EFFORT_MINIMAL: ReasoningEffort.MINIMAL,
    pb.REASONING_EFFORT_LOW: ReasoningEffort.LOW,
    pb.REASONING_EFFORT_MEDIUM: ReasoningEffort.MEDIUM,
    pb.REASONING_EFFORT_HIGH: ReasoningEffort.HIGH,
}
_UNSUPPORTED: Mapping[int, UnsupportedParams] = {
    pb.UNSUPPORTED_PARAM_POLICY_UNSPECIFIED: UnsupportedParams.REJECT,
    pb.UNSUPPORTED_PARAM_POLICY_REJECT: UnsupportedParams.REJECT,
    pb.UNSUPPORTED_PARAM_POLICY_WARN_AND_DROP: UnsupportedParams.WARN_AND_DROP,
}
_DISCONNECTS: Mapping[int, OnDisconnect | None] = {
    pb.DISCONNECT_POLICY_UNSPECIFIED: None,
    pb.DISCONNECT_POLICY_CANCEL: OnDisconnect.CANCEL,
    pb.DISCONNECT_POLICY_DRAIN: OnDisconnect.DRAIN,
}
_MID_STREAMS: Mapping[int, MidStream] = {
    pb.MID_STREAM_POLICY_UNSPECIFIED: MidStream.FAIL,
    pb.MID_STREAM_POLICY_FAIL: MidStream.FAIL,
    pb.MID_STREAM_POLICY_RESTART_WITH_MARKER: MidStream.RESTART_WITH_MARKER,
}
_CACHE_MODES: Mapping[int, CacheMode] = {
    pb.RESPONSE_CACHE_MODE_UNSPECIFIED: CacheMode.OFF,
    pb.RESPONSE_CACHE_MODE_READ_WRITE: CacheMode.READ_WRITE,
    pb.RESPONSE_CACHE_MODE_READ_ONLY: CacheMode.READ_ONLY,
    pb.RESPONSE_CACHE_MODE_WRITE_ONLY: CacheMode.WRITE_ONLY,
}
_DEFAULT_TIMEOUTS = Timeouts()
V = TypeVar("V")


def request_of(request: pb.LLMRequest) -> ChatRequest:
    """Return `request` as the core's value.

    Raises:
        InvalidRequest: Names every field that cannot be understood, and with
            them whatever else is wrong.
    """
    wrong: list[FieldViolation] = []
    found = ChatRequest(
        provider=request.provider,
        model=request.model,
        messages=_messages_of(request, wrong),
        temperature=float_of(request.temperature) if request.HasField("temperature") else None,
        top_p=float_of(request.top_p) if request.HasField("top_p") else None,
        top_k=request.top_k if request.HasField("top_k") else None,
        max_tokens=request.max_tokens if request.HasField("max_tokens") else None,
        stop=tuple(request.stop),
        seed=request.seed if request.HasField("seed") else None,
        presence_penalty=float_of(request.presence_penalty)
        if request.HasField("presence_penalty")
        else None,
        frequency_penalty=float_of(request.frequency_penalty)
        if request.HasField("frequency_penalty")
        else None,
        cache_control=cache_of(request.cache_control, "cache_control", wrong)
        if request.HasField("cache_control")
        else None,
        tools=_tools_of(request, wrong) if request.tools else (),
        tool_choice=_choice_of(request.tool_choice, wrong)
        if request.HasField("tool_choice")
        else None,
        parallel_tool_calls=request.parallel_tool_calls
        if request.HasField("parallel_tool_calls")
        else None,
        response_format=_format_of(request.response_format)
        if request.HasField("response_format")
        else None,
        reasoning=_reasoning_of(request.reasoning, wrong)
        if request.HasField("reasoning")
        else None,
        timeouts=_timeouts_of(request.timeouts)
        if request.HasField("timeouts")
        else _DEFAULT_TIMEOUTS,
        routing=_routing_of(request.routing, wrong)
        if request.HasField("routing")
        else DEFAULT_ROUTING,
        on_disconnect=_known(
            _DISCONNECTS, request.routing.on_disconnect, "routing.on_disconnect", wrong
        )
        if request.HasField("routing")
        else None,
        response_cache=_response_cache_of(request.response_cache, wrong)
        if request.HasField("response_cache")
        else None,
        idempotency_key=request.idempotency_key,
        labels=dict(request.labels) if request.labels else {},
        end_user=request.end_user,
        unsupported_params=(
            _known(_UNSUPPORTED, request.unsupported_params, "unsupported_params", wrong)
            or UnsupportedParams.REJECT
        )
        if request.unsupported_params
        else UnsupportedParams.REJECT,
        provider_options={
            name: json_of(options) for name, options in request.provider_options.items()
        }
        if request.provider_options
        else {},
    )
    if wrong:
        raise InvalidRequest(*wrong, *violations(found))
    return found


def _messages_of(request: pb.LLMRequest, wrong: list[FieldViolation]) -> tuple[Message, ...]:
    found: list[Message] = []
    for index, message in enumerate(request.messages):
        # A generator costs each message a function.
        found.append(message_of(message, f"messages[{index}]", wrong))
    return tuple(found)


def _tools_of(request: pb.LLMRequest, wrong: list[FieldViolation]) -> tuple[Tool, ...]:
    tools = enumerate(request.tools)
    return tuple(_tool_of(tool, f"tools[{index}]", wrong) for index, tool in tools)


@lru_cache(maxsize=1024)
def float_of(value: float) -> float:
    """Return the shortest decimal that the 32-bit `value` can have meant: 0.7, not 0.699999988079071."""
    if not math.isfinite(value):
        return value
    # Nine digits tell all 32-bit numbers apart.
    candidates = (float(f"{value:.{digits}g}") for digits in (6, 7, 8, 9))
    return next(
        short for short in candidates if struct.unpack("f", struct.pack("f", short))[0] == value
    )


def json_of(options: Struct) -> JsonObject:
    """Return `options` as JSON; whole numbers as integers, which providers insist on."""
    return {name: _json_of(value) for name, value in options.fields.items()}


def _json_of(value: Value) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "struct_value":
        return json_of(value.struct_value)
    if kind == "list_value":
        return _list_of(value.list_value)
    if kind == "string_value":
        return value.string_value
    return value.bool_value if kind == "bool_value" else None


def _list_of(values: ListValue) -> list[Json]:
    return [_json_of(each) for each in values.values]


def _tool_of(tool: pb.Tool, path: str, wrong: list[FieldViolation]) -> Tool:
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=tool.parameters_json_schema,
        strict=tool.strict if tool.HasField("strict") else None,
        cache_control=cache_of(tool.cache_control, f"{path}.cache_control", wrong)
        if tool.HasField("cache_control")
        else None,
    )


def _choice_of(choice: pb.ToolChoice, wrong: list[FieldViolation]) -> ToolChoice:
    mode = _known(_MODES, choice.mode, "tool_choice.mode", wrong) or ToolMode.AUTO
    return ToolChoice(mode=mode, allowed_names=tuple(choice.allowed_names))


def _format_of(wanted: pb.ResponseFormat) -> ResponseFormat | None:
    kind = wanted.WhichOneof("format")
    if kind == "json_schema":
        schema = wanted.json_schema
        return JsonSchemaFormat(
            name=schema.name,
            schema=schema.schema,
            strict=schema.strict if schema.HasField("strict") else None,
        )
    return _PLAIN_FORMATS[kind] if kind else None


_PLAIN_FORMATS: Mapping[str, ResponseFormat] = {
    "text": TextFormat(),
    "json_object": JsonObjectFormat(),
}


def _reasoning_of(wanted: pb.ReasoningConfig, wrong: list[FieldViolation]) -> ReasoningConfig:
    return ReasoningConfig(
        effort=_known(_EFFORTS, wanted.effort, "reasoning.effort", wrong),
        budget_tokens=wanted.budget_tokens if wanted.HasField("budget_tokens") else None,
        include_content=wanted.include_content if wanted.HasField("include_content") else None,
    )


def _routing_of(wanted: pb.RoutingPolicy, wrong: list[FieldViolation]) -> Routing:
    return Routing(
        fallbacks=tuple(Target(each.provider, each.model) for each in wanted.fallbacks),
        max_attempts=wanted.max_attempts if wanted.HasField("max_attempts") else None,
        mid_stream=_known(_MID_STREAMS, wanted.mid_stream, "routing.mid_stream", wrong)
        or MidStream.FAIL,
        hedge_after_s=seconds_of(wanted.hedge_after) if wanted.HasField("hedge_after") else None,
        retry_after_accept=wanted.retry_after_accept
        if wanted.HasField("retry_after_accept")
        else None,
    )


def _timeouts_of(wanted: pb.TimeoutPolicy) -> Timeouts:
    return Timeouts(
        max_queue_s=seconds_of(wanted.max_queue) if wanted.HasField("max_queue") else None,
        first_token_s=seconds_of(wanted.first_token) if wanted.HasField("first_token") else None,
        idle_s=seconds_of(wanted.idle) if wanted.HasField("idle") else None,
    )


def _response_cache_of(
    wanted: pb.ResponseCachePolicy, wrong: list[FieldViolation]
) -> ResponseCachePolicy:
    return ResponseCachePolicy(
        mode=_known(_CACHE_MODES, wanted.mode, "response_cache.mode", wrong) or CacheMode.OFF,
        ttl_s=seconds_of(wanted.ttl) if wanted.HasField("ttl") else None,
        max_age_s=seconds_of(wanted.max_age) if wanted.HasField("max_age") else None,
        scope=wanted.scope,
        coalesce=wanted.coalesce,
    )


def _known(table: Mapping[int, V], number: int, path: str, wrong: list[FieldViolation]) -> V | None:
    if number not in table:
        wrong.append(FieldViolation(path, f"{number} is not one of the values of its enum"))
        return None
    return table[number]
