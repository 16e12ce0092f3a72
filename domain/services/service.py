"""The whole service, as anyone in the same process uses it: the one shape, and two conveniences."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import attrs

from domain.model.call import ChatCall, Delivery
from domain.model.caller import ANONYMOUS, Caller
from domain.model.embedding import EmbeddingCall, EmbeddingResponse
from domain.model.errors import ErrorReason, InvalidRequest, ServiceFailure
from domain.model.events import ChatEvent, Finished
from domain.model.model_info import ModelInfo
from domain.model.response import ChatResponse, fold
from domain.model.usage import UsageRecord
from domain.policy.embedding import violations as embedding_violations
from domain.policy.listing import listed
from domain.policy.media_type import typed
from domain.policy.validation import violations
from domain.services.drains import Drains
from domain.services.route import Routed
from domain.services.route_embedding import EmbeddingRouted
from domain.services.stage import Stage
from domain.services.usage_reader import UsageReader
from ports.usage_query import UsageFilter

_NO_EMBEDDINGS = EmbeddingRouted({})


@attrs.frozen
class Service:
    """Answers calls, from the check of the request to the settled account."""

    _routed: Routed
    _embeddings: EmbeddingRouted = _NO_EMBEDDINGS
    _drains: Drains | None = None
    _account: UsageReader | None = None
    _stage: Stage | None = None

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer to `call`; see `ports.chat_model.ChatModel`.

        Raises:
            InvalidRequest: Names every bad field. Nothing was tried.
            ChatError: Whatever else ended the call.
        """
        request = typed(call.request)
        wrong = violations(request)
        if wrong:
            raise InvalidRequest(*wrong)
        if request is not call.request:
            call = attrs.evolve(call, request=request)
        return self._routed.stream(call)

    async def answer(self, call: ChatCall, /) -> ChatResponse:
        """Return the whole answer to `call`, which is not streamed on the way.

        Raises:
            ChatError: As `stream`.
        """
        if call.delivery is not Delivery.WHOLE:
            call = attrs.evolve(call, delivery=Delivery.WHOLE)
        said: list[ChatEvent] = []
        async with self.stream(call) as events:
            async for event in events:
                said.append(event)
                if type(event) is Finished:
                    # Nothing follows; to ask for it would cost a way through every layer.
                    break
        return fold(said)

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return one vector for each input of `call`, in their order.

        Raises:
            InvalidRequest: Names every bad field. Nothing was tried.
            ChatError: Whatever else ended the call.
        """
        wrong = embedding_violations(call.request)
        if wrong:
            raise InvalidRequest(*wrong)
        return await self._embeddings.embed(call)

    def usage(self, wanted: UsageFilter, caller: Caller = ANONYMOUS) -> AsyncIterator[UsageRecord]:
        """Return what is `wanted` of what `caller` may read of the account, oldest first.

        It is read in pages, as it is consumed; what ended in the last moment may not be there yet.

        Raises:
            InvalidRequest: Names every bad field.
            ServiceFailure: On entry, or from any step of the iteration: the account cannot be read now.
        """
        if self._account is None:
            raise ServiceFailure("no account is kept here", ErrorReason.SERVICE_INTERNAL)
        return self._account.records(wanted, caller)

    def end_by(self, when_s: float) -> None:
        """Have no answer read on after `when_s`, on the event loop's clock, whose caller is gone.

        Those that are held for callers who might come back end now.
        """
        if self._drains is not None:
            self._drains.end_by(when_s)
        if self._stage is not None:
            self._stage.release()

    def models(self, provider: str = "", caller: Caller = ANONYMOUS) -> Sequence[ModelInfo]:
        """Return what `caller` can call, by provider and name; of one provider if given.

        Raises:
            ModelUnknown: There is no such provider.
        """
        return listed(
            self._routed.models(provider, caller), self._embeddings.models(provider, caller)
        )
