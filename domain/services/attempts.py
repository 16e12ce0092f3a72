"""One attempt at one provider and its record, whatever is asked for: shared by all that settle.

Laws: every attempt leaves exactly one record, written on the way out of the block, shielded and time-boxed,
before control returns; where no upstream was asked there is no attempt. What ended the block decides the
outcome.
"""

from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from types import TracebackType

import anyio
import attrs

from domain.model.call import Ledger
from domain.model.errors import ChatError, ErrorReason
from domain.model.usage import (
    NO_USAGE,
    Attempt,
    AttemptOutcome,
    Usage,
    UsageRecord,
    UsageSource,
)
from domain.model.watch import AttemptWatch, Operation
from domain.policy.deadline import was_due
from ports.prices import Cost, Prices
from ports.usage_log import RecordLost, UsageLog

SETTLE_S = 1.0
"""Longest that a way out may be held up by writing its record, in seconds."""

_OUTCOMES: Mapping[ErrorReason, AttemptOutcome] = {
    ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN: AttemptOutcome.TIMED_OUT_FIRST_TOKEN,
    ErrorReason.PROVIDER_TIMEOUT_IDLE: AttemptOutcome.TIMED_OUT_IDLE,
    ErrorReason.CALLER_DEADLINE: AttemptOutcome.DEADLINE,
}

_LEFT_AT_WORK = frozenset(
    {
        AttemptOutcome.CANCELLED,
        AttemptOutcome.DEADLINE,
        AttemptOutcome.DRAINED,
        AttemptOutcome.HEDGE_LOST,
        AttemptOutcome.TIMED_OUT_FIRST_TOKEN,
        AttemptOutcome.TIMED_OUT_IDLE,
    }
)
"""Outcomes after which a provider that has not answered may have been at work, and may ask to be paid."""


@attrs.frozen
class Unpriced:
    """No price list: no call has a known cost.

    Attributes:
        unprepared: None of them.
    """

    unprepared: Container[str] = ()

    async def prepare(self, provider: str, /) -> None:
        """Do nothing."""

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        """Return None."""
        return None

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        """Return None."""
        return None


UNPRICED = Unpriced()


@attrs.define(kw_only=True)
class Account:
    """What is known of one attempt while it runs.

    Attributes:
        request_id: Of the call, for the record; so are `caller` and `labels`.
        ledger: Of the call; the attempt is entered here when it is served or closed.
        start_s: On the event loop's clock; so is `deadline_s`.
        entered: Whether the answer has been opened: from then on an error may be the consumer's.
        begun: Whether the provider's answer has begun.
        raised: The latest error that came from the provider.
        prices: What the attempt's cost is worked out by.
        input_tokens: Estimates the tokens of the request.
        operation: What is asked for; `streamed`: whether the answer comes in chunks.
        traceparent: What the provider is told of the trace it is part of.
        arrived: What has arrived of the answer, in quarters of a token; `chunks`: in how many pieces.
        reported_model: The model as the provider calls it; `response_id`: what it calls its answer.
        finish_reason: Why the model stopped, in the provider's word.
        served: The attempt, once it is finished.
        watch: Who watches the attempt, if anybody does.
        clock: The event loop's, in seconds.
    """

    request_id: str
    caller: str
    labels: Mapping[str, str]
    ledger: Ledger
    provider: str
    model: str
    credential_alias: str
    start_s: float
    deadline_s: float
    prices: Prices
    input_tokens: Callable[[], int]
    operation: Operation = Operation.CHAT
    streamed: bool = False
    traceparent: str = ""
    arrived: int = 0
    chunks: int = 0
    reported_model: str = ""
    response_id: str = ""
    finish_reason: str = ""
    entered: bool = False
    begun: bool = False
    raised: ChatError | None = None
    upstream_status: int = 0
    upstream_request_id: str = ""
    usage: Usage = NO_USAGE
    first_token_s: float | None = None
    served: Attempt | None = None
    watch: AttemptWatch | None = None
    clock: Callable[[], float] = anyio.current_time

    def begin(self, upstream_status: int, upstream_request_id: str, model: str = "") -> None:
        """Take note that the provider's answer has begun, and what it calls the `model`."""
        self.begun = True
        self.reported_model = model
        self.upstream_status = upstream_status
        self.upstream_request_id = upstream_request_id

    def serve(self, usage: Usage) -> tuple[Attempt, ...]:
        """Enter the finished attempt in the ledger; return the whole ledger, oldest first."""
        self.usage = usage
        whole = self.ledger.whole
        left = whole.left
        outcome = AttemptOutcome.SERVED if left is None else AttemptOutcome.DRAINED
        self.served = self._attempt(self.clock(), outcome, left)
        self.ledger.enter(self.served)
        return tuple(whole.attempts)

    def close(self, now_s: float, exception: BaseException | None) -> Attempt | None:
        """Return the attempt, which was not served, as `exception` ended it; None: nothing was tried."""
        error = exception if isinstance(exception, ChatError) else None
        if error is not None and error.before_upstream and self._is_own(error):
            return None
        outcome, reason = self._ending(now_s, exception)
        attempt = self._attempt(now_s, outcome, reason)
        if error is not None:
            attempt = attrs.evolve(
                attempt,
                upstream_status=error.upstream_status or attempt.upstream_status,
                upstream_request_id=error.upstream_request_id or attempt.upstream_request_id,
            )
        self.ledger.enter(attempt)
        return attempt

    def _is_own(self, error: ChatError) -> bool:
        # Else it is of another call, which the user of this one made inside its block.
        return not self.entered or (error is self.raised and not self.begun)

    def _ending(
        self, now_s: float, exception: BaseException | None
    ) -> tuple[AttemptOutcome, ErrorReason | None]:
        if isinstance(exception, ChatError):
            return _OUTCOMES.get(exception.reason, AttemptOutcome.FAILED), exception.reason
        if isinstance(exception, Exception):
            return AttemptOutcome.FAILED, ErrorReason.SERVICE_INTERNAL
        # No error of ours: the block was cancelled, or its user went away in the middle.
        if self.ledger.lost:
            return AttemptOutcome.HEDGE_LOST, None
        ledger = self.ledger.whole
        if ledger.drained:
            return AttemptOutcome.DRAINED, ErrorReason.SERVICE_DRAINING
        if ledger.left is not None:
            return AttemptOutcome.DRAINED, ledger.left
        overdue = ledger.overdue
        if was_due(now_s, self.start_s, self.deadline_s) if overdue is None else overdue:
            return AttemptOutcome.DEADLINE, ErrorReason.CALLER_DEADLINE
        return AttemptOutcome.CANCELLED, ErrorReason.CALLER_CANCELLED

    def _attempt(
        self, now_s: float, outcome: AttemptOutcome, reason: ErrorReason | None
    ) -> Attempt:
        usage = self.usage
        # What the provider reported last; else an estimate, where it may have worked for us.
        counted = usage.input_tokens is not None or usage.output_tokens is not None
        counted = counted or not (self.begun or outcome in _LEFT_AT_WORK)
        return Attempt(
            index=len(self.ledger.whole.attempts),
            provider=self.provider,
            model=self.model,
            credential_alias=self.credential_alias,
            outcome=outcome,
            upstream_status=self.upstream_status,
            upstream_request_id=self.upstream_request_id,
            usage=self._priced(usage if counted else self._estimated()),
            queued_s=self.ledger.queued_s,
            first_token_s=self.first_token_s,
            total_s=now_s - self.start_s,
            error_reason=reason,
        )

    def _estimated(self) -> Usage:
        return Usage(
            input_tokens=self.input_tokens(),
            output_tokens=-(-self.arrived // 4),
            source=UsageSource.ESTIMATED,
        )

    def _priced(self, usage: Usage) -> Usage:
        """Return `usage` with its cost, if that is known."""
        if usage is NO_USAGE or usage.cost_nano_usd is not None:
            return usage
        cost = self.reported_model and self.prices.cost(self.provider, self.reported_model, usage)
        if not cost:
            cost = self.prices.cost(self.provider, self.model, usage)
        if cost is None:
            return usage
        # Not evolved, which would cost a call as much as its price.
        return Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            cache_write_5m_tokens=usage.cache_write_5m_tokens,
            cache_write_1h_tokens=usage.cache_write_1h_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            source=usage.source,
            cost_nano_usd=cost.nano_usd,
            price_version=cost.price_version,
            raw=usage.raw,
        )


@attrs.frozen
class Settlement:
    """The block around an attempt; its exit, whatever it is, writes the record.

    Entering it is refused where the record could not be kept: then no upstream is asked.
    """

    account: Account
    log: UsageLog
    wall_clock: Callable[[], float]

    async def __aenter__(self) -> None:
        self.log.ready()
        account = self.account
        ledger = account.ledger
        if ledger.asked is not None:
            ledger.asked()
        if ledger.watch is not None:
            account.watch = ledger.watch.attempt(account)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        account = self.account
        attempt = account.served
        if attempt is None:
            attempt = account.close(account.clock(), exception)
        if account.watch is not None:
            account.watch.ended(account, attempt)
        if attempt is None:
            return
        record = UsageRecord(
            request_id=account.request_id,
            caller=account.caller,
            time_s=self.wall_clock(),
            attempt=attempt,
            labels=account.labels,
        )
        # How the call ended is not for the log to change; it has counted what it lost.
        with suppress(RecordLost):
            if self.log.waits:
                with anyio.move_on_after(SETTLE_S, shield=True):
                    await self.log.append(record)
            else:
                # Nothing to be shielded: such a scope costs more than all else that is done here.
                await self.log.append(record)  # noqa: ASYNC102 - it does not wait
