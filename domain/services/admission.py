"""Calls come in as their limits allow.

What a call may need is reserved before the provider is asked, and settled to what it used on the way out:
after its record is written, before control returns.
"""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

import attrs

from domain.model.call import ChatCall, Ledger
from domain.model.caller import Caller
from domain.model.errors import ErrorReason, LimitExceeded, QuotaViolation
from domain.model.events import ChatEvent
from domain.model.usage import Usage
from domain.policy.admission import LimitTable, bound, tokens_of, uncounted, used
from domain.policy.limits import BUDGETS, Limit, Need, Reservation
from ports.chat_model import ChatModel
from ports.limiter import Limiter
from ports.prices import Prices
from ports.provider import Provider


@attrs.frozen
class Wanted:
    """What is asked for.

    Attributes:
        most: What it may use, as far as that is known.
    """

    provider: str
    model: str
    most: Usage


@attrs.frozen(kw_only=True)
class Admission:
    """How calls are let in.

    Attributes:
        limiter: Keeps the books; whoever opened it closes it.
        prices: What budgets are kept by.
        max_queue_s: Longest wait for a limit where the call does not say.
        assumed_output_tokens: See `domain.policy.admission.bound`.
        allow_unpriced: Whether a caller with a budget may call a model without a known price.
    """

    table: LimitTable
    limiter: Limiter
    prices: Prices
    max_queue_s: float = 10.0
    assumed_output_tokens: int | None = None
    allow_unpriced: bool = False

    def limits(self, caller: Caller, provider: str, model: str) -> Sequence[Limit]:
        """Return the limits of a call; empty: it may come in as it is."""
        return self.table.of(caller, provider, model)

    def within(
        self, limits: Sequence[Limit], wanted: Wanted, ledger: Ledger, max_queue_s: float | None
    ) -> AbstractAsyncContextManager[None]:
        """Hold what a call may need of `limits` while the block runs; then charge what `ledger` says.

        Args:
            limits: At least one.
            wanted: What is asked for.
            ledger: Of the call; is told how long the call waited.
            max_queue_s: Longest wait; ``None`` is the configured one.

        Raises:
            LimitExceeded: A limit was reached; says which, and when to try again.
        """
        return _Within(self, limits, wanted, ledger, max_queue_s)

    async def need(self, limits: Sequence[Limit], wanted: Wanted) -> Need:
        """Return what a call may need of `limits`.

        Raises:
            LimitExceeded: It has a budget, and no price.
        """
        tokens = tokens_of(wanted.most)
        budget = _budget(limits)
        if budget is None:
            return Need(tokens=tokens)
        await self.prices.prepare(wanted.provider)
        cost = self.prices.cost(wanted.provider, wanted.model, wanted.most)
        if cost is None and not self.allow_unpriced:
            raise _unpriced(budget, f"{wanted.provider}/{wanted.model}")
        return Need(tokens=tokens, nano_usd=0 if cost is None else cost.nano_usd)


@attrs.frozen
class Admitted:
    """A provider that is called within limits.

    Attributes:
        inner: The provider's stack, which settles its attempts.
        provider: At the bottom of it.
    """

    inner: ChatModel
    provider: Provider
    admission: Admission

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            LimitExceeded: A limit was reached; says which, and when to try again.
        """
        limits = self.admission.limits(call.caller, self.provider.name, call.request.model)
        if call.ledger.counted:
            limits = uncounted(limits)
        # A call without limits pays for none.
        if not limits:
            return self.inner.stream(call)
        request = call.request
        most = bound(request, self.provider.info, self.admission.assumed_output_tokens)
        wanted = Wanted(self.provider.name, request.model, most)
        max_queue_s = request.timeouts.max_queue_s
        held = self.admission.within(limits, wanted, call.ledger, max_queue_s)
        return _Answer(held, self.inner, call)


@attrs.define(eq=False)
class _Within(AbstractAsyncContextManager[None]):
    """The block of a call that is let in. A class, because a generator costs each call twice as much."""

    _admission: Admission
    _limits: Sequence[Limit]
    _wanted: Wanted
    _ledger: Ledger
    _max_queue_s: float | None
    _before: int = 0
    # Both from the moment on that the call is let in.
    _reservation: Reservation = attrs.field(init=False)
    _reserved: AbstractAsyncContextManager[Reservation] = attrs.field(init=False)

    async def __aenter__(self) -> None:
        admission, ledger = self._admission, self._ledger
        wait_s = admission.max_queue_s if self._max_queue_s is None else self._max_queue_s
        try:
            need = await admission.need(self._limits, self._wanted)
            reserved = admission.limiter.reserved(self._limits, need, wait_s)
            reservation = await reserved.__aenter__()
        except LimitExceeded as error:
            if ledger.watch is not None:
                ledger.watch.refused(error.reason)
            raise
        self._reserved, self._reservation = reserved, reservation
        ledger.queued_s += reservation.queued_s
        ledger.counted = True
        if ledger.watch is not None:
            ledger.watch.admitted(reservation.queued_s)
        self._before = len(ledger.attempts)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        self._reservation.used = used(self._ledger.attempts[self._before :])
        return await self._reserved.__aexit__(kind, exception, trace)  # noqa: ASYNC102 - it shields itself


@attrs.define(eq=False)
class _Answer(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The answer to a call that is let in."""

    _held: AbstractAsyncContextManager[None]
    _inner: ChatModel
    _call: ChatCall
    _stream: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] = attrs.field(init=False)

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        await self._held.__aenter__()
        opened = False
        try:
            self._stream = self._inner.stream(self._call)
            events = await self._stream.__aenter__()
            opened = True
        finally:
            if not opened:
                await self._held.__aexit__(*sys.exc_info())  # noqa: ASYNC102 - as `async with`
        return events

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            return await self._stream.__aexit__(kind, exception, trace)  # noqa: ASYNC102 - as `async with`
        finally:
            # Settled after its record, and told of what became of it on the way.
            await self._held.__aexit__(*sys.exc_info())  # noqa: ASYNC102 - as `async with`


def _budget(limits: Sequence[Limit]) -> Limit | None:
    for each in limits:
        if each.kind in BUDGETS:
            return each
    return None


def _unpriced(limit: Limit, name: str) -> LimitExceeded:
    return LimitExceeded(
        ErrorReason.POLICY_BUDGET_EXCEEDED,
        QuotaViolation(
            limit.subject,
            f"a budget can only be kept for models whose price is known, and that of {name} is not:"
            " set it in the settings, or allow unpriced models",
        ),
        retryable=False,
    )
