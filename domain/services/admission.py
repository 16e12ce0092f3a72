"""Calls come in as their limits allow.

What a call may need is reserved before the provider is asked, and settled to what it used on the way out:
after its record is written, before control returns.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from domain.model.call import ChatCall, Ledger
from domain.model.caller import Caller
from domain.model.errors import ErrorReason, LimitExceeded, QuotaViolation
from domain.model.events import ChatEvent
from domain.model.usage import Usage
from domain.policy.admission import LimitTable, bound, tokens_of, uncounted, used
from domain.policy.limits import BUDGETS, Limit, Need
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

    @asynccontextmanager
    async def within(
        self, limits: Sequence[Limit], wanted: Wanted, ledger: Ledger, max_queue_s: float | None
    ) -> AsyncIterator[None]:
        """Hold what a call may need of `limits` while the block runs; then charge what `ledger` says.

        Args:
            limits: At least one.
            wanted: What is asked for.
            ledger: Of the call; is told how long the call waited.
            max_queue_s: Longest wait; ``None`` is the configured one.

        Raises:
            LimitExceeded: A limit was reached; says which, and when to try again.
        """
        watch, is_in = ledger.watch, False
        wait_s = self.max_queue_s if max_queue_s is None else max_queue_s
        try:
            need = await self._need(limits, wanted)
            async with self.limiter.reserved(limits, need, wait_s) as reservation:
                is_in = True
                ledger.queued_s += reservation.queued_s
                ledger.counted = True
                if watch is not None:
                    watch.admitted(reservation.queued_s)
                before = len(ledger.attempts)
                try:
                    yield
                finally:
                    reservation.used = used(ledger.attempts[before:])
        except LimitExceeded as error:
            if watch is not None and not is_in:
                watch.refused(error.reason)
            raise

    async def _need(self, limits: Sequence[Limit], wanted: Wanted) -> Need:
        tokens = tokens_of(wanted.most)
        budget = next((each for each in limits if each.kind in BUDGETS), None)
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
        return self._within(limits, call) if limits else self.inner.stream(call)

    @asynccontextmanager
    async def _within(
        self, limits: Sequence[Limit], call: ChatCall
    ) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        request = call.request
        info = self.provider.info(request.model)
        most = bound(request, info, self.admission.assumed_output_tokens)
        wanted = Wanted(self.provider.name, request.model, most)
        async with (
            self.admission.within(limits, wanted, call.ledger, request.timeouts.max_queue_s),
            self.inner.stream(call) as events,
        ):
            yield events


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
