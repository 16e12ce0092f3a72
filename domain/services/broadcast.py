"""One answer for several listeners: a task plays it, whoever wants it hears it from the beginning.

Laws: the answer is played at the pace of its fastest listener, at most `AHEAD` events ahead of it. What
slower ones have not heard yet is kept, up to a bound; one that falls further behind fails, alone. Everyone
hears the same: all of it, or what there was and the error. Its deadline is the latest of its listeners'. When
the last of them leaves, the answer is cancelled, and the block is left when all of it is given back; or it is
held for a while, and cancelled then. No listener's leaving, cancellation or deadline is another's.
"""

import math
from collections.abc import Callable
from types import TracebackType

import anyio
import attrs

from domain.model.call import ChatCall, Ledger
from domain.model.errors import ChatError, ErrorReason, ServiceFailure
from domain.model.events import Finished
from domain.policy.deadline import was_due
from domain.policy.replay_buffer import ReplayBuffer
from ports.chat_model import ChatModel

AHEAD = 16
"""Events that wait for the fastest listener, at most."""


def _none() -> float:
    return 0.0


@attrs.define(eq=False)
class Broadcast:
    """One answer.

    Attributes:
        model: Gives it.
        call: The first listener's; the account is its.
        kept: What slower and later listeners are told.
        endings: Called once it is over.
        window_s: How long it goes on when the last listener has lost its connection, in seconds, so that it
            can come back.
        complete: Whether it came to its end.
        error: What ended it instead, if that is no cancellation.
        listeners: How many hear it now.
        held: Whether it goes on although nobody does.
        over: Whether nothing will follow.
        unheard: A bug that ended it when nobody was there who could be told.
    """

    model: ChatModel
    call: ChatCall
    kept: ReplayBuffer
    endings: list[Callable[["Broadcast"], None]]
    window_s: Callable[[], float] = _none
    complete: bool = False
    error: Exception | None = None
    listeners: int = 0
    held: bool = False
    over: bool = False
    unheard: Exception | None = None
    _until_s: float = -math.inf
    _bound_s: float = math.inf
    _scope: anyio.CancelScope = attrs.field(factory=anyio.CancelScope)
    _closed: anyio.Event | None = None
    _news: anyio.Event | None = None
    _demand: anyio.Event | None = None
    _told: bool = False

    @property
    def leaving(self) -> bool:
        """Whether it is cancelled, or over: who comes now cannot join."""
        return self.over or self._scope.cancel_called

    @property
    def open(self) -> bool:
        """Whether one may still join, and hear all of it."""
        return self.kept.whole and not self.leaving

    # --- the task's side ----------------------------------------------------------------------------------

    async def play(self) -> None:
        """Play it to its end."""
        kept = self.kept
        with _Ending(self), self._scope:
            async with self.model.stream(self.call) as events:
                async for event in events:
                    kept.add(event)
                    if self.held and kept.overfull:
                        # Who comes back could not be told all that it missed.
                        self._scope.cancel()
                    self._wake()
                    while self.listeners and kept.unheard >= AHEAD:
                        self._demand = anyio.Event()
                        await self._demand.wait()
            self.complete = True

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    def end(self, error: Exception | None) -> None:
        """Take note that all is over, by `error` if there is one."""
        self.error = error
        if self.held and error is not None and not isinstance(error, ChatError):
            self.unheard = error
        self.held = False
        self.over = True
        if self._closed is not None:
            self._closed.set()
        self._wake()
        for ended in self.endings:
            ended(self)

    # --- the listeners' side ------------------------------------------------------------------------------

    def join(self, deadline_s: float) -> None:
        """Have one more listener, whose deadline is on the event loop's clock."""
        self.listeners += 1
        if self.held:
            self.held, self._until_s = False, -math.inf
            self.call.ledger.overdue = None
        if deadline_s > self._until_s:
            self._until_s = deadline_s
            if deadline_s != self._bound_s:
                # What is below plans its waits by it.
                self._bound_s = self._scope.deadline = deadline_s

    async def left(self, ledger: Ledger, start_s: float, deadline_s: float) -> None:
        """Have one listener less, which came at `start_s`.

        Raises:
            Exception: A bug ended it, and nobody has heard of that.
        """
        self.listeners -= 1
        if self.listeners:
            return
        if not self.over:
            await self._empty(ledger, was_due(anyio.current_time(), start_s, deadline_s))
        error = self.error
        if error is not None and not self._told and not isinstance(error, ChatError):
            raise error

    async def _empty(self, ledger: Ledger, late: bool) -> None:
        if self._held_on(ledger, late):
            return
        self._closed = anyio.Event()
        self._cancel(ledger, late)
        # Either it is finished or it is cancelled: all that is left to do is time-boxed.
        with anyio.CancelScope(shield=True):
            await self._closed.wait()

    def _held_on(self, ledger: Ledger, late: bool) -> bool:
        # Who had no time left did not lose its connection.
        ended = late or ledger.drained or ledger.stopped or self.leaving
        window_s = 0.0 if ended else self.window_s()
        if window_s > 0:
            self.held, self.call.ledger.overdue = True, False
            self._bound_s = self._scope.deadline = anyio.current_time() + window_s
            self._go_on()
        return self.held

    def _cancel(self, ledger: Ledger, late: bool) -> None:
        self._go_on()
        events = self.kept.events
        if not events or type(events[-1]) is not Finished:
            own = self.call.ledger
            own.drained = own.drained or ledger.drained
            own.stopped = own.stopped or ledger.stopped
            own.overdue = late
            self._scope.cancel()

    def _go_on(self) -> None:
        if self._demand is not None:
            self._demand.set()
            self._demand = None

    def release(self) -> None:
        """Have it cancelled, if it is held, because the service goes away."""
        if self.held:
            self.call.ledger.drained = True
            self._scope.cancel()

    def moved(self, position: int) -> None:
        """Take note that the fastest listener has heard all before `position`."""
        kept = self.kept
        kept.furthest = position
        if self._demand is not None and kept.unheard <= AHEAD // 2:
            self._go_on()

    async def news(self) -> None:
        """Wait until there is more, or nothing will follow."""
        if self._news is None:
            self._news = anyio.Event()
        await self._news.wait()

    def ending(self) -> Exception | None:
        """Return what ended it, for one listener; None: it is complete."""
        if self.complete and self.error is None:
            return None
        self._told = True
        if isinstance(self.error, ChatError):
            return self.error.copied()
        return self.error or ServiceFailure(
            "the service is going away", ErrorReason.SERVICE_DRAINING
        )


@attrs.define(eq=False)
class _Ending:
    """The block around an answer's task: an error is its listeners', and never the other answers'."""

    answer: Broadcast

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
