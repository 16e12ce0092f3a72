"""What becomes of an answer whose caller leaves: cancelled, or read on to its end for the account.

Laws: a call that is to be cancelled goes through as it is. One that is to be drained runs in a task of the
service's own, which reads no further ahead of its caller than `AHEAD` events. A caller leaves by
disconnecting, by its deadline, or by closing the block early; if a provider has been asked by then, the
answer is read on, within bounds, and its attempt holds its limits and writes its one record in the end. In
every other case the block is left only when the answer is over. A consumer's own error is no leaving: it ends
the answer, and comes out as itself.
"""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType

import anyio
import attrs
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from domain.model.call import ChatCall
from domain.model.chat import OnDisconnect
from domain.model.errors import ChatError, ErrorReason, ServiceFailure
from domain.model.events import ChatEvent, Finished
from domain.policy.deadline import was_due
from domain.services.drains import Drains
from domain.services.settle import SAID
from ports.chat_model import ChatModel

AHEAD = 16
"""Events that may wait for the caller."""


@attrs.frozen
class Drained:
    """A model whose answers may outlast their callers.

    Attributes:
        inner: Settles its attempts, and holds their limits.
        drains: Where they are read on; whoever opened it closes it.
        default: What happens where the call does not say, nor `of_providers`.
        of_providers: What happens then, by the provider that the call names.
    """

    inner: ChatModel
    drains: Drains
    default: OnDisconnect = OnDisconnect.CANCEL
    of_providers: Mapping[str, OnDisconnect] = attrs.field(factory=dict)

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer."""
        request = call.request
        policy = request.on_disconnect or self.of_providers.get(request.provider, self.default)
        # A call under CANCEL pays for nothing of this.
        return self.inner.stream(call) if policy is OnDisconnect.CANCEL else self._lasting(call)

    @asynccontextmanager
    async def _lasting(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        send, receive = anyio.create_memory_object_stream[ChatEvent](AHEAD)
        answer = _Answer(
            self.inner, call, self.drains, send, receive, anyio.current_effective_deadline()
        )
        call.ledger.asked = answer.begin
        self.drains.spawn(answer.play)
        async with _Presence(answer):
            await answer.opening()
            yield answer


@attrs.define(eq=False)
class _Answer(AsyncIterator[ChatEvent]):
    """One answer, between the task that plays it and the caller that takes it.

    `scope` is around all of it, `reading` around the events alone, so that the block around them can be left
    with the consumer's error.
    """

    inner: ChatModel
    call: ChatCall
    drains: Drains
    _send: MemoryObjectSendStream[ChatEvent]
    _receive: MemoryObjectReceiveStream[ChatEvent]
    _deadline_s: float
    _start_s: float = attrs.field(factory=anyio.current_time)
    _scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    _reading: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    _opened: anyio.Event = attrs.field(factory=anyio.Event)
    _over: anyio.Event = attrs.field(factory=anyio.Event)
    _asked: bool = False
    _finished: bool = False
    _complete: bool = False
    _left: bool = False
    _bytes: int = 0
    _fault: Exception | None = None
    _error: Exception | None = None

    # --- the service's side -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take note that a provider is being asked: from now on the answer may outlast the deadline."""
        self._asked = True
        self._scope.deadline = math.inf

    async def play(self) -> None:
        """Read the answer to its end, whoever is there."""
        # Until a provider is asked, the caller's deadline is that of its answer: a queue is to know of it.
        self._scope.deadline = self._deadline_s
        with _Ending(self), self._scope:
            async with self.inner.stream(self.call) as events:
                self._opened.set()
                with self._reading:
                    async for event in events:
                        await self._hand_over(event)
                if self._fault is not None:  # pragma: no branch - Python 3.11 hides this way out
                    raise self._fault
            self._complete = True

    async def _hand_over(self, event: ChatEvent) -> None:
        if self._left:
            self._count(event)
            return
        self._finished = self._finished or type(event) is Finished
        # Who leaves while we wait for it has closed its end.
        with suppress(anyio.BrokenResourceError):
            try:
                self._send.send_nowait(event)
            except anyio.WouldBlock:
                await self._send.send(event)

    def _count(self, event: ChatEvent) -> None:
        said = SAID.get(type(event))
        if said is not None:
            self._bytes += len(said(event).encode())
            if self._bytes > self.drains.bounds.max_bytes:
                self._scope.cancel()

    def end(self, error: Exception | None) -> None:
        """Take note that all is over, by `error` if there is one."""
        self._error = error
        self._send.close()
        self._opened.set()
        self._over.set()
        if self._left:
            self.drains.dismiss(self._scope)
            if error is not None and not isinstance(error, ChatError):
                self.drains.tell(error)

    # --- the caller's side --------------------------------------------------------------------------------

    async def opening(self) -> None:
        """Wait until the answer is opened.

        Raises:
            ChatError: It was not.
        """
        await self._opened.wait()
        if self._over.is_set() and not self._complete:
            raise self._failure()

    async def __anext__(self) -> ChatEvent:
        try:
            return self._receive.receive_nowait()
        except anyio.WouldBlock:
            with suppress(anyio.EndOfStream):
                return await self._receive.receive()
        except anyio.EndOfStream:
            pass
        if self._complete:
            raise StopAsyncIteration
        raise self._failure()

    def _failure(self) -> Exception:
        error, self._error = self._error, None
        return error or ServiceFailure("the service is going away", ErrorReason.SERVICE_DRAINING)

    async def leave(self, fault: Exception | None) -> None:
        """Have the caller gone, because of its own `fault` or not.

        Raises:
            Exception: What went wrong on the answer's way out.
        """
        self._receive.close()
        if self._over.is_set():
            return
        if fault is not None:
            self._fault = fault
            self._reading.cancel()
        elif self._lasts():
            return
        elif not self._finished:
            self._scope.cancel()
        # It is finished or cancelled, and whatever it does on its way out is time-boxed.
        with anyio.CancelScope(shield=True):
            await self._over.wait()
        if self._error is not None and self._error is not fault:
            raise self._error

    def _lasts(self) -> bool:
        """Return whether the answer is read on; then it is the service's from now on."""
        ledger = self.call.ledger
        if not self._asked or self._finished or ledger.drained or ledger.stopped:
            return False
        if not self.drains.admit(self._scope):
            return False
        late = was_due(anyio.current_time(), self._start_s, self._deadline_s)
        ledger.left = ErrorReason.CALLER_DEADLINE if late else ErrorReason.CALLER_CANCELLED
        self._left = True
        return True


@attrs.frozen
class _Presence:
    """The block in which the caller is there."""

    answer: _Answer

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Time-boxed by what it waits for.
        await self.answer.leave(exception if isinstance(exception, Exception) else None)  # noqa: ASYNC102


@attrs.frozen
class _Ending:
    """The block around an answer's task: an error is its caller's, and never the other answers'."""

    answer: _Answer

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        error = exception if isinstance(exception, Exception) else None
        self.answer.end(error)
        return error is not None
