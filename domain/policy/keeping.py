"""Which answers are kept, in what form, and how they are given again. Facts are in the tables."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from domain.model.chat import ChatRequest
from domain.model.events import (
    ChatEvent,
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    RouteChanged,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
    WarningRaised,
)
from domain.model.response_cache import CacheStatus
from domain.model.usage import NO_USAGE, Usage, UsageSource

KEPT = frozenset({FinishReason.STOP, FinishReason.MAX_TOKENS, FinishReason.TOOL_CALLS})
"""How an answer ends that is kept: a filter, a refusal or a pause may be gone the next time."""
PIECE = 256
"""Characters of text in one delta of an answer that is given again; more where it came in more."""
_OBJECT = 96
"""Bytes that an event takes beside what it says, about."""


def fit(request: ChatRequest, with_tools: bool) -> bool:
    """Return whether the answer to `request` may be somebody else's, or an older one."""
    return with_tools or not request.tools


def weight(event: ChatEvent) -> int:
    """Return how many bytes of memory `event` takes, about."""
    if type(event) is TextDelta:
        # Most of all events are of this kind.
        return _OBJECT + sys.getsizeof(event.text)
    said = _SAID.get(type(event))
    return _OBJECT if said is None else _OBJECT + sum(map(sys.getsizeof, said(event)))


def compact(events: Iterable[ChatEvent]) -> tuple[ChatEvent, ...]:
    """Return a finished answer as it is given again: short deltas joined, for nothing, and saying so."""
    found: list[ChatEvent] = []
    run: list[TextDelta] = []
    length = 0
    for event in events:
        if run and (
            length >= PIECE or type(event) is not TextDelta or event.part_index != run[0].part_index
        ):
            found.append(_joined(run))
            run, length = [], 0
        if type(event) is TextDelta:
            run.append(event)
            length += len(event.text)
        elif type(event) is RouteChanged:
            # What was said before counts no more.
            found = []
        elif type(event) is not UsageReported:
            found.append(_LEAN[type(event)](event) if type(event) in _LEAN else event)
    return (*found, *([_joined(run)] if run else ()))


def unpaid(usage: Usage) -> Usage:
    """Return the tokens of `usage`, which were used before and cost nothing now."""
    if usage is NO_USAGE:
        return Usage(source=UsageSource.LOCAL_CACHE, cost_nano_usd=0)
    return attrs.evolve(
        usage, source=UsageSource.LOCAL_CACHE, cost_nano_usd=0, price_version="", raw=None
    )


def _joined(run: Sequence[TextDelta]) -> TextDelta:
    return (
        run[0]
        if len(run) == 1
        else TextDelta("".join([each.text for each in run]), run[0].part_index)
    )


def _lean_finish(event: Finished) -> Finished:
    return attrs.evolve(event, usage=unpaid(event.usage), attempts=())


def _lean_start(event: Started) -> Started:
    return attrs.evolve(
        event, cache_status=CacheStatus.HIT, upstream_request_id="", upstream_status=0
    )


# The keys decide the argument's type, which the type system cannot follow.
_LEAN: Mapping[type, Callable[[Any], ChatEvent]] = {Finished: _lean_finish, Started: _lean_start}
JOINED: Mapping[type, Callable[[Any], ChatEvent]] = {
    Started: lambda event: attrs.evolve(event, cache_status=CacheStatus.COALESCED),
    UsageReported: lambda event: UsageReported(unpaid(event.usage)),
    Finished: lambda event: attrs.evolve(event, usage=unpaid(event.usage), attempts=()),
}
"""How an answer is told to those who share it: somebody else has paid."""
_SAID: Mapping[type, Callable[[Any], tuple[object, ...]]] = {
    RefusalDelta: lambda event: (event.text,),
    ReasoningDelta: lambda event: (event.text, event.signature),
    ToolCallDelta: lambda event: (event.arguments_fragment, event.signature, event.name),
    WarningRaised: lambda event: (event.warning.message,),
}
