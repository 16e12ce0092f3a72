"""Every bad field of a request, by its path in the wire's words.

Facts are in the tables; what is right here may still be refused by a provider. What a request does not set is
not looked at, because every call is checked.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from operator import attrgetter

from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonSchemaFormat,
    Media,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.errors import FieldViolation
from domain.model.tools import Tool

MAX_LABELS, MAX_LABEL_KEY_BYTES, MAX_LABEL_VALUE_BYTES = 16, 64, 256
MAX_STOP = 16
MAX_NAME_BYTES = 256
_KEY = re.compile(rf"[!-~]{{1,{MAX_NAME_BYTES}}}")
MAX_FALLBACKS, MAX_ATTEMPTS = 8, 10


def violations(request: ChatRequest) -> list[FieldViolation]:
    """Return all that is wrong with `request`, in the order of its fields; empty if nothing is."""
    found = [*model_violations(request.model), *_messages(request.messages)]
    thinking = None if request.reasoning is None else request.reasoning.budget_tokens
    found += _out_of_range(_RANGES, (*_sampling(request), thinking, *_waiting(request)))
    for rule in compress(_RULES.values(), _asked(request)):
        found += rule(request)
    return found


def model_violations(model: str) -> Sequence[FieldViolation]:
    """Return what is wrong with the name `model`, as any request has it."""
    if not model:
        missing = "is missing: name a model, for example one that ListModels gives"
        return [FieldViolation("model", missing)]
    if len(model.encode()) > MAX_NAME_BYTES:
        return [FieldViolation("model", f"is longer than {MAX_NAME_BYTES} bytes")]
    return ()


def _messages(messages: Sequence[Message]) -> list[FieldViolation]:
    found: list[FieldViolation] = []
    if not messages:
        found.append(FieldViolation("messages", "is empty: send at least one message"))
    for index, message in enumerate(messages):
        parts, role = message.parts, message.role
        if not parts and role is not Role.ASSISTANT:
            found.append(
                FieldViolation(f"messages[{index}]", "has no content: set content or parts")
            )
        for place, part in enumerate(parts):
            # There is nothing wrong with words but in the role of a tool.
            if type(part) is not Text or role is Role.TOOL:
                found += _said(part, role, f"messages[{index}].parts[{place}]")
    return found


def _said(part: ContentPart, role: Role, path: str) -> Iterator[FieldViolation]:
    """Give what is wrong with `part` in a message of `role`."""
    home = _HOME.get(type(part))
    if home is not None and role is not home:
        yield FieldViolation(
            path, f"belongs into a message with role {home.value!r}, not {role.value!r}"
        )
    if role is Role.TOOL and not isinstance(part, ToolResult):
        yield FieldViolation(path, "a message with role 'tool' holds only tool_result parts")
    yield from _part(part, path)


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


_Range = tuple[str, float, float]
"""A field, and the least and the most that it may be."""


def _out_of_range(
    ranges: Sequence[_Range], numbers: Sequence[float | None]
) -> list[FieldViolation]:
    """Return which of `numbers`, each of which is to be in the range at its place, are not."""
    found: list[FieldViolation] = []
    for allowed, number in zip(ranges, numbers, strict=True):
        if number is None:
            continue
        field, low, high = allowed
        # Written so that NaN is out of every range.
        if not low <= number <= high:
            upper = "" if high == math.inf else f" and at most {high:g}"
            what = f"must be at least {low:g}{upper}, not {number:g}"
            found.append(FieldViolation(field, what))
    return found


_SAMPLING: Sequence[_Range] = (
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("top_k", 1, math.inf),
    ("max_tokens", 1, math.inf),
    ("presence_penalty", -2, 2),
    ("frequency_penalty", -2, 2),
)
_sampling = attrgetter(*[field for field, _, _ in _SAMPLING])
_WAITING: Sequence[_Range] = (
    ("timeouts.max_queue", 0, 86_400),
    ("timeouts.first_token", 0.001, 86_400),
    ("timeouts.idle", 0.001, 86_400),
    ("routing.hedge_after", 0, 86_400),
    ("routing.max_attempts", 1, MAX_ATTEMPTS),
)
_waiting = attrgetter(
    "timeouts.max_queue_s",
    "timeouts.first_token_s",
    "timeouts.idle_s",
    "routing.hedge_after_s",
    "routing.max_attempts",
)
_RANGES = (*_SAMPLING, ("reasoning.budget_tokens", 0, math.inf), *_WAITING)
_KEEPING: Sequence[_Range] = (
    ("response_cache.ttl", 0.001, math.inf),
    ("response_cache.max_age", 0, math.inf),
)
_keeping = attrgetter("response_cache.ttl_s", "response_cache.max_age_s")


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


def _tool_choice(request: ChatRequest) -> Iterator[FieldViolation]:
    choice = request.tool_choice
    if choice is None or not request.tools:
        yield FieldViolation("tool_choice", "is set but there are no tools")
        return
    names = {tool.name for tool in request.tools}
    for index, name in enumerate(choice.allowed_names):
        if name not in names:
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
    yield from _out_of_range(_KEEPING, _keeping(request))
    policy = request.response_cache
    if policy is not None and len(policy.scope.encode()) > MAX_NAME_BYTES:
        yield FieldViolation("response_cache.scope", f"is longer than {MAX_NAME_BYTES} bytes")


def _idempotency_key(request: ChatRequest) -> Iterator[FieldViolation]:
    if not _KEY.fullmatch(request.idempotency_key):
        yield FieldViolation(
            "idempotency_key",
            f"must be at most {MAX_NAME_BYTES} visible ASCII characters, for example a UUID",
        )


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


_RULES: Mapping[str, Callable[[ChatRequest], Iterator[FieldViolation]]] = {
    "routing.fallbacks": _fallbacks,
    "stop": _stop,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "response_format": _format,
    "reasoning": _reasoning,
    "labels": _labels,
    "end_user": _end_user,
    "response_cache": _response_cache,
    "idempotency_key": _idempotency_key,
}
"""What is looked at where a field is set, by that field."""
_asked = attrgetter(*_RULES)
