"""What a model does not take is refused, or dropped with a warning; never silently lost."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, UnsupportedParams
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.events import CallWarning, ChatEvent, Started, WarningRaised
from domain.model.model_info import ModelInfo
from domain.policy.capability import Unsupported, unsupported
from ports.chat_model import ChatModel


@asynccontextmanager
async def without(
    inner: ChatModel, info: ModelInfo, call: ChatCall, found: Sequence[Unsupported]
) -> AsyncIterator[AsyncIterator[ChatEvent]]:
    """Open the answer of `inner` to `call` without what was `found` that the model of `info` does not take.

    Raises:
        InvalidRequest: Names every part that cannot be left out.
    """
    lean = _lean(info, call, found)
    warnings = [
        WarningRaised(CallWarning("PARAM_DROPPED", f"{each.field} {_problem(info, each)}"))
        for each in found
    ]
    async with inner.stream(lean) as events:
        yield _WarnedAfterStart(events, deque(warnings))


def refusals(info: ModelInfo, request: ChatRequest) -> list[FieldViolation]:
    """Return every part of `request` for which the model of `info` would refuse it."""
    found = unsupported(request, info)
    return _refused(info, request, found) if found else []


def _refused(
    info: ModelInfo, request: ChatRequest, found: Sequence[Unsupported]
) -> list[FieldViolation]:
    drop = request.unsupported_params is UnsupportedParams.WARN_AND_DROP
    refused = [each for each in found if each.drop is None or not drop]
    return [FieldViolation(each.field, _refusal(info, each)) for each in refused]


def _lean(info: ModelInfo, call: ChatCall, found: Sequence[Unsupported]) -> ChatCall:
    request = call.request
    refused = _refused(info, request, found)
    if refused:
        raise InvalidRequest(*refused)
    for without in (each.drop for each in found if each.drop is not None):
        request = without(request)
    return attrs.evolve(call, request=request)


def _refusal(info: ModelInfo, each: Unsupported) -> str:
    problem = _problem(info, each)
    return problem if each.drop is None else f"{problem}: {_REMEDY}"


def _problem(info: ModelInfo, each: Unsupported) -> str:
    if each.problem:
        return each.problem
    aside = "" if each.feature == each.field else f" ({each.feature})"
    return f"is not supported by {info.provider}/{info.model}{aside}"


_REMEDY = "leave it out, or set unsupported_params to WARN_AND_DROP"


@attrs.define
class _WarnedAfterStart(AsyncIterator[ChatEvent]):
    _events: AsyncIterator[ChatEvent]
    _warnings: deque[WarningRaised]
    _started: bool = False

    async def __anext__(self) -> ChatEvent:
        if self._started and self._warnings:
            await anyio.lowlevel.checkpoint()
            return self._warnings.popleft()
        event = await anext(self._events)
        self._started = self._started or isinstance(event, Started)
        return event
