"""What a model does not take is refused, or dropped with a warning; never silently lost."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, UnsupportedParams
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.events import CallWarning, ChatEvent, Started, WarningRaised
from domain.model.model_info import ModelInfo
from domain.policy.capability import Unsupported, unsupported
from ports.chat_model import ChatModel


@attrs.frozen
class Capable:
    """A model that is only asked what it can take.

    Attributes:
        info: What `inner` takes.
    """

    inner: ChatModel
    info: ModelInfo

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            InvalidRequest: Names every part that the model does not take.
        """
        found = unsupported(call.request, self.info)
        # A call that asks for nothing else pays for nothing of this.
        return self._warned(call, found) if found else self.inner.stream(call)

    @asynccontextmanager
    async def _warned(
        self, call: ChatCall, found: Sequence[Unsupported]
    ) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        lean = self._lean(call, found)
        warnings = [
            WarningRaised(CallWarning("PARAM_DROPPED", f"{each.field} {self._problem(each)}"))
            for each in found
        ]
        async with self.inner.stream(lean) as events:
            yield _WarnedAfterStart(events, deque(warnings))

    def violations(self, request: ChatRequest) -> list[FieldViolation]:
        """Return every part of `request` for which it would be refused."""
        return self._refused(request, unsupported(request, self.info))

    def _refused(self, request: ChatRequest, found: Sequence[Unsupported]) -> list[FieldViolation]:
        drop = request.unsupported_params is UnsupportedParams.WARN_AND_DROP
        refused = [each for each in found if each.drop is None or not drop]
        return [FieldViolation(each.field, self._refusal(each)) for each in refused]

    def _lean(self, call: ChatCall, found: Sequence[Unsupported]) -> ChatCall:
        request = call.request
        refused = self._refused(request, found)
        if refused:
            raise InvalidRequest(*refused)
        for without in (each.drop for each in found if each.drop is not None):
            request = without(request)
        return attrs.evolve(call, request=request)

    def _refusal(self, each: Unsupported) -> str:
        problem = self._problem(each)
        return problem if each.drop is None else f"{problem}: {_REMEDY}"

    def _problem(self, each: Unsupported) -> str:
        if each.problem:
            return each.problem
        named = f"{self.info.provider}/{self.info.model}"
        aside = "" if each.feature == each.field else f" ({each.feature})"
        return f"is not supported by {named}{aside}"


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
