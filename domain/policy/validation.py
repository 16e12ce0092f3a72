"""Every bad field of a request, by its path in the wire's words.

Facts are in the tables; what is right here may still be refused by a provider.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonSchemaFormat,
    Media,
    Message,
    Role,
    ToolCall,
    ToolResult,
)
from domain.model.errors import FieldViolation
from domain.model.response_cache import ResponseCachePolicy
from domain.model.tools import Tool

MAX_LABELS, MAX_LABEL_KEY_BYTES, MAX_LABEL_VALUE_BYTES = 16, 64, 256
MAX_STOP = 16
MAX_NAME_BYTES = 256
_KEY = re.compile(rf"[!-~]{{1,{MAX_NAME_BYTES}}}")
MAX_FALLBACKS, MAX_ATTEMPTS = 8, 10
V = TypeVar("V")


def violations(request: ChatRequest) -> list[FieldViolation]:
    """Return all that is wrong with `request`, in the order of its fields; empty if nothing is."""
    return [violation for rule in _RULES for violation in rule(request)]


def _model(request: ChatRequest) -> Iterator[FieldViolation]:
    return model_violations(request.model)


def model_violations(model: str) -> Iterator[FieldViolation]:
    """Give what is wrong with the name `model`, as any request has it."""
    if not model:
        yield FieldViolation(
            "model", "is missing: name a model, for example one that ListModels gives"
        )
    elif len(model.encode()) > MAX_NAME_BYTES:
        yield FieldViolation("model", f"is longer than {MAX_NAME_BYTES} bytes")


def _messages(request: ChatRequest) -> Iterator[FieldViolation]:
    if not request.messages:
        yield FieldViolation("messages", "is empty: send at least one message")
    for index, message in enumerate(request.messages):
        yield from _message(message, f"messages[{index}]")


def _message(message: Message, path: str) -> Iterator[FieldViolation]:
    if not message.parts and message.role is not Role.ASSISTANT:
        yield FieldViolation(path, "has no content: set content or parts")
    for index, part in enumerate(message.parts):
        at = f"{path}.parts[{index}]"
        home = _HOME.get(type(part))
        if home is not None and message.role is not home:
            yield FieldViolation(
                at, f"belongs into a message with role {home.value!r}, not {message.role.value!r}"
            )
        if message.role is Role.TOOL and not isinstance(part, ToolResult):
            yield FieldViolation(at, "a message with role 'tool' holds only tool_result parts")
        yield from _part(part, at)


_HOME: dict[type, Role] = {ToolCall: Role.ASSISTANT, ToolResult: Role.TOOL}


def _part(part: ContentPart, path: str) -> Iterator[FieldViolation]:
    if isinstance(part, ToolCall):
        if not part.name:
            yield FieldViolation(f"{path}.tool_call.name", "is missing")
        if not _is_json_object(part.arguments_json or "{}"):
            yield FieldViolation(f"{path}.tool_call.arguments_json", "is not a JSON object")
    elif isinstance(part, ToolResult):
        if not part.tool_call_id:
            yield FieldViolation(
                f"{path}.tool_result.tool_call_id", "is missing: name the call it answers"
            )
        for index, inner in enumerate(part.content):
            at = f"{path}.tool_result.content[{index}]"
            if isinstance(inner, ToolCall | ToolResult):
                yield FieldViolation(at, "a tool result holds text and media only")
            else:
                yield from _part(inner, at)
    elif isinstance(part, Media):
        sources = sum(source is not None for source in (part.data, part.uri, part.file_id))
        if sources != 1:
            yield FieldViolation(f"{path}.media", "needs exactly one of data, uri and file_id")
        if part.data is not None and "/" not in part.mime_type:
            yield FieldViolation(
                f"{path}.media.mime_type", "is needed with data, for example image/png"
            )


def _numbers(request: ChatRequest) -> Iterator[FieldViolation]:
    return _out_of_range(request, _RANGES)


def _out_of_range(
    value: V, ranges: Sequence[tuple[str, float, float, Callable[[V], float | None]]]
) -> Iterator[FieldViolation]:
    for field, low, high, number_of in ranges:
        number = number_of(value)
        # Written so that NaN is out of every range.
        if number is not None and not low <= number <= high:
            upper = "" if high == math.inf else f" and at most {high:g}"
            yield FieldViolation(field, f"must be at least {low:g}{upper}, not {number:g}")


# Read by what needs no Python: every call is checked.
_RANGES: Sequence[tuple[str, float, float, Callable[[ChatRequest], float | None]]] = (
    ("temperature", 0, 2, attrgetter("temperature")),
    ("top_p", 0, 1, attrgetter("top_p")),
    ("top_k", 1, math.inf, attrgetter("top_k")),
    ("max_tokens", 1, math.inf, attrgetter("max_tokens")),
    ("presence_penalty", -2, 2, attrgetter("presence_penalty")),
    ("frequency_penalty", -2, 2, attrgetter("frequency_penalty")),
    (
        "reasoning.budget_tokens",
        0,
        math.inf,
        lambda r: r.reasoning.budget_tokens if r.reasoning else None,
    ),
    ("timeouts.max_queue", 0, 86_400, attrgetter("timeouts.max_queue_s")),
    ("timeouts.first_token", 0.001, 86_400, attrgetter("timeouts.first_token_s")),
    ("timeouts.idle", 0.001, 86_400, attrgetter("timeouts.idle_s")),
    ("routing.hedge_after", 0, 86_400, attrgetter("routing.hedge_after_s")),
    ("routing.max_attempts", 1, MAX_ATTEMPTS, attrgetter("routing.max_attempts")),
)
_CACHE_RANGES: Sequence[tuple[str, float, float, Callable[[ResponseCachePolicy], float | None]]] = (
    ("response_cache.ttl", 0.001, math.inf, attrgetter("ttl_s")),
    ("response_cache.max_age", 0, math.inf, attrgetter("max_age_s")),
)


def _fallbacks(request: ChatRequest) -> Iterator[FieldViolation]:
    fallbacks = request.routing.fallbacks
    if len(fallbacks) > MAX_FALLBACKS:
        yield FieldViolation(
            "routing.fallbacks", f"has {len(fallbacks)} routes; at most {MAX_FALLBACKS} are taken"
        )
    for index, target in enumerate(fallbacks):
        for each in model_violations(target.model):
            yield FieldViolation(f"routing.fallbacks[{index}].{each.field}", each.description)


def _stop(request: ChatRequest) -> Iterator[FieldViolation]:
    if len(request.stop) > MAX_STOP:
        yield FieldViolation(
            "stop", f"has {len(request.stop)} sequences; at most {MAX_STOP} are taken"
        )
    for index, sequence in enumerate(request.stop):
        if not sequence:
            yield FieldViolation(f"stop[{index}]", "is empty")


def _tools(request: ChatRequest) -> Iterator[FieldViolation]:
    seen: set[str] = set()
    for index, tool in enumerate(request.tools):
        path = f"tools[{index}]"
        yield from _tool(tool, path)
        if tool.name in seen:
            yield FieldViolation(f"{path}.name", f"{tool.name!r} is declared twice")
        seen.add(tool.name)
    choice = request.tool_choice
    if choice is None:
        return
    if not request.tools:
        yield FieldViolation("tool_choice", "is set but there are no tools")
        return
    for index, name in enumerate(choice.allowed_names):
        if name not in seen:
            yield FieldViolation(
                f"tool_choice.allowed_names[{index}]", f"no tool is named {name!r}"
            )


def _tool(tool: Tool, path: str) -> Iterator[FieldViolation]:
    if not tool.name:
        yield FieldViolation(f"{path}.name", "is missing")
    elif len(tool.name.encode()) > MAX_NAME_BYTES:
        yield FieldViolation(f"{path}.name", f"is longer than {MAX_NAME_BYTES} bytes")
    if tool.parameters_json_schema and not _is_json_object(tool.parameters_json_schema):
        yield FieldViolation(f"{path}.parameters_json_schema", "is not a JSON object")


def _format(request: ChatRequest) -> Iterator[FieldViolation]:
    chosen = request.response_format
    if isinstance(chosen, JsonSchemaFormat):
        if not chosen.name:
            yield FieldViolation("response_format.json_schema.name", "is missing")
        if not _is_json_object(chosen.schema):
            yield FieldViolation("response_format.json_schema.schema", "is not a JSON object")


def _reasoning(request: ChatRequest) -> Iterator[FieldViolation]:
    chosen = request.reasoning
    if chosen is not None and chosen.effort is not None and chosen.budget_tokens is not None:
        yield FieldViolation("reasoning", "effort and budget_tokens are alternatives: set one")


def _labels(request: ChatRequest) -> Iterator[FieldViolation]:
    return label_violations(request.labels)


def label_violations(labels: Mapping[str, str]) -> Iterator[FieldViolation]:
    """Yield everything that is wrong with `labels`."""
    if len(labels) > MAX_LABELS:
        yield FieldViolation("labels", f"has {len(labels)} entries; at most {MAX_LABELS} are kept")
    for key, value in labels.items():
        if not key or len(key.encode()) > MAX_LABEL_KEY_BYTES:
            yield FieldViolation(
                "labels", f"key {key[:32]!r} must have 1 to {MAX_LABEL_KEY_BYTES} bytes"
            )
        if len(value.encode()) > MAX_LABEL_VALUE_BYTES:
            yield FieldViolation(
                f"labels[{key[:32]!r}]", f"is longer than {MAX_LABEL_VALUE_BYTES} bytes"
            )


def _end_user(request: ChatRequest) -> Iterator[FieldViolation]:
    if len(request.end_user.encode()) > MAX_NAME_BYTES:
        yield FieldViolation("end_user", f"is longer than {MAX_NAME_BYTES} bytes")


def _response_cache(request: ChatRequest) -> Iterator[FieldViolation]:
    policy = request.response_cache
    return iter(()) if policy is None else _policy(policy)


def _policy(policy: ResponseCachePolicy) -> Iterator[FieldViolation]:
    yield from _out_of_range(policy, _CACHE_RANGES)
    if len(policy.scope.encode()) > MAX_NAME_BYTES:
        yield FieldViolation("response_cache.scope", f"is longer than {MAX_NAME_BYTES} bytes")


def _idempotency_key(request: ChatRequest) -> Iterator[FieldViolation]:
    key = request.idempotency_key
    if key and not _KEY.fullmatch(key):
        yield FieldViolation(
            "idempotency_key",
            f"must be at most {MAX_NAME_BYTES} visible ASCII characters, for example a UUID",
        )


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


_RULES: Sequence[Callable[[ChatRequest], Iterator[FieldViolation]]] = (
    _model,
    _messages,
    _numbers,
    _fallbacks,
    _stop,
    _tools,
    _format,
    _reasoning,
    _labels,
    _end_user,
    _response_cache,
    _idempotency_key,
)
