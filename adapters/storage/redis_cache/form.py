"""A kept answer as bytes: JSON, with a version.

Law: what cannot be read, by whatever server it was written, is as good as absent.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import orjson

from domain.model.events import (
    CallWarning,
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    WarningRaised,
)
from domain.model.response_cache import CacheStatus
from domain.model.usage import Usage, UsageSource

VERSION = 1


def encode(events: tuple[ChatEvent, ...], written_s: float) -> bytes | None:
    """Return `events`, which are kept since `written_s` of the Unix epoch; None: they cannot be said."""
    rows = [[_NAMES[type(each)], _fields(each)] for each in events if type(each) in _NAMES]
    try:
        return orjson.dumps([VERSION, written_s, rows])
    except TypeError:
        # Half a surrogate pair.
        return None


def decode(data: bytes) -> tuple[tuple[ChatEvent, ...], float] | None:
    """Return the events, and since when they are kept; None: they cannot be read."""
    try:
        version, written_s, rows = orjson.loads(data)
        if version != VERSION:
            return None
        events = tuple(_MAKERS[name](fields) for name, fields in rows)
        whole = isinstance(events[0], Started) and isinstance(events[-1], Finished)
        return (events, float(written_s)) if whole else None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, binascii.Error):
        return None


def _fields(event: ChatEvent) -> dict[str, Any]:
    return {
        field.name: _SAID.get(field.name, _itself)(value)
        for field in attrs.fields(type(event))
        if field.name != "cache_status" and (value := getattr(event, field.name)) != field.default
    }


def _itself(value: Any) -> Any:
    return value


def _usage_said(usage: Usage) -> dict[str, Any]:
    fields = attrs.asdict(usage, filter=lambda _, value: value is not None)
    return {**fields, "source": None if usage.source is None else usage.source.value}


_SAID: Mapping[str, Callable[[Any], Any]] = {
    "signature": lambda value: base64.b64encode(value).decode("ascii"),
    "usage": _usage_said,
    "warning": lambda value: [value.code, value.message],
    "reason": lambda value: value.value,
    "attempts": lambda _: [],
}
_NAMES: Mapping[type, str] = {
    Started: "started",
    TextDelta: "text",
    RefusalDelta: "refusal",
    ReasoningDelta: "reasoning",
    ToolCallDelta: "tool_call",
    WarningRaised: "warning",
    Finished: "finished",
}


def _finished(fields: dict[str, Any]) -> Finished:
    usage: dict[str, Any] = fields.get("usage") or {}
    source: str | None = usage.pop("source", None)
    return Finished(
        reason=FinishReason(fields["reason"]),
        native_reason=fields.get("native_reason", ""),
        usage=Usage(**usage, source=None if source is None else UsageSource(source)),
    )


def _signed(kind: Callable[..., ChatEvent]) -> Callable[[dict[str, Any]], ChatEvent]:
    def make(fields: dict[str, Any]) -> ChatEvent:
        signature = base64.b64decode(fields.pop("signature", ""), validate=True)
        return kind(**fields, signature=signature)

    return make


_MAKERS: Mapping[str, Callable[[dict[str, Any]], ChatEvent]] = {
    "started": lambda fields: Started(**fields, cache_status=CacheStatus.HIT),
    "text": lambda fields: TextDelta(**fields),
    "refusal": lambda fields: RefusalDelta(**fields),
    "reasoning": _signed(ReasoningDelta),
    "tool_call": _signed(ToolCallDelta),
    "warning": lambda fields: WarningRaised(CallWarning(*fields["warning"])),
    "finished": _finished,
}
