"""Calls come in as their limits allow.

What a call may need is reserved before the provider is asked, and settled to what it used on the way out:
after its record is written, before control returns.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TypeAlias

import attrs

from domain.model.call import ChatCall, Ledger
from domain.model.caller import Caller
from domain.model.errors import ErrorReason, LimitExceeded, QuotaViolation
from domain.model.events import ChatEvent
from domain.policy.admission import CallLimits, LimitTable, unbounded_output_tokens, used
from domain.policy.limits import Limit, Need, Reservation
from domain.policy.token_estimate import input_tokens
from ports.chat_model import ChatModel
from ports.limiter import Hold, Limiter
from ports.prices import Prices
from ports.provider import Provider

Wanted: TypeAlias = tuple[str, str, tuple[int, int]]
"""Provider, model, and the most input and output tokens that a call may use, as far as that is known."""


@attrs.frozen(kw_only=True)
class Admission:
    """How calls are let in.

    Attributes:
        limiter: Keeps the books; whoever opened it closes it.
        prices: What budgets are kept by.
        max_queue_s: Longest wait for a limit where the call does not say.
        assumed_output_tokens: See `domain.policy.admission.unbounded_output_tokens`.
        allow_unpriced: Whether a caller with a budget may call a model without a known price.
    """

    table: LimitTable
    limiter: Limiter
    prices: Prices
    max_queue_s: float = 10.0
    assumed_output_tokens: int | None = None
    allow_unpriced: bool = False

    def limits(self, caller: Caller, provider: str, model: str) -> CallLimits:
        """Return the limits of a call; none: it may come in as it is."""
        return self.table.of(caller, provider, model)

    async def let_in(
        self, limits: CallLimits, wanted: Wanted, ledger: Ledger, max_queue_s: float | None
    ) -> Hold:
        """Take what a call may need of `limits`; whoever calls gives it back.

        Args:
            limits: At least one.
            wanted: What is asked for.
            ledger: Of the call; is told how long the call waited.
            max_queue_s: Longest wait; ``None`` is the configured one.

        Raises:
            LimitExceeded: A limit was reached, says which, and when to try again; or the caller has a
                budget, and the model no price.
        """
        watch = ledger.watch
        try:
            provider, model, (input_tokens, output_tokens) = wanted
            nano_usd: int | None = 0
            if limits.budget is not None:
                prices = self.prices
                if provider in prices.unprepared:
                    await prices.prepare(provider)
                nano_usd = prices.bound_nano_usd(provider, model, input_tokens, output_tokens)
                if nano_usd is None and not self.allow_unpriced:
                    raise _unpriced(limits.budget, f"{provider}/{model}")
            # As its class does it, which takes a call of a function more.
            need = tuple.__new__(Need, (input_tokens + output_tokens, nano_usd or 0, 1))
            hold = self.limiter.at_once(limits.all, need)
            if hold is None:
                wait_s = self.max_queue_s if max_queue_s is None else max_queue_s
                hold = waited = _Waited(self.limiter.reserved(limits.all, need, wait_s))
                queued_s = await waited.enter()
                ledger.queued_s += queued_s
            else:
                queued_s = 0.0
        except LimitExceeded as error:
            if watch is not None:
                watch.refused(error.reason)
            raise
        ledger.counted = True
        if watch is not None:
            watch.admitted(queued_s)
        return hold


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
        limits = self.admission.table.of(call.caller, self.provider.name, call.request.model)
        if call.ledger.counted and limits.again is not None:
            limits = limits.again
        # A call without limits pays for none.
        if not limits.all:
            return self.inner.stream(call)
        return _Answer(self, call, limits)


@attrs.define(eq=False)
class _Answer(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The answer to a call that is let in. A class, because generators cost each call twice as much."""

    _of: Admitted
    _call: ChatCall
    _limits: CallLimits
    _before: int = 0
    # Both from the moment on that the call is let in.
    _hold: Hold = attrs.field(init=False)
    _stream: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] = attrs.field(init=False)

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        of, call = self._of, self._call
        request, ledger, admission, provider = call.request, call.ledger, of.admission, of.provider
        model, output = request.model, request.max_tokens
        if output is None:
            output = unbounded_output_tokens(provider.info(model), admission.assumed_output_tokens)
        wanted = (provider.name, model, (input_tokens(request), output))
        self._hold = await admission.let_in(
            self._limits, wanted, ledger, request.timeouts.max_queue_s
        )
        self._before = len(ledger.attempts)
        opened = False
        try:
            self._stream = of.inner.stream(call)
            events = await self._stream.__aenter__()
            opened = True
        finally:
            if not opened:
                spent = used(ledger.attempts[self._before :])
                await self._hold.settle(spent)  # noqa: ASYNC102 - as `async with`
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
            # After its record.
            spent = used(self._call.ledger.attempts[self._before :])
            await self._hold.settle(spent)  # noqa: ASYNC102 - as `async with`


@attrs.define(eq=False)
class _Waited:
    """What a limiter gave that was asked whether it has to wait; see `ports.limiter.Hold`."""

    _reserved: AbstractAsyncContextManager[Reservation]
    _reservation: Reservation = attrs.field(init=False)

    async def enter(self) -> float:
        """Wait until it is given; return for how long that was, in seconds."""
        self._reservation = reservation = await self._reserved.__aenter__()
        return reservation.queued_s

    async def settle(self, used: Need, /) -> None:
        self._reservation.used = used
        await self._reserved.__aexit__(None, None, None)


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
