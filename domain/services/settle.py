"""The account: every attempt leaves exactly one record, whatever ends it.

The record is written on the way out of the block, shielded and time-boxed, before control returns. An
attempt counts as served from the moment its `Finished` passes: what the consumer does then is not its fault.
A stream that just stops is turned into an error here, next to its maker.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from domain.model.call import ChatCall
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import (
    CONTENT_EVENTS,
    ChatEvent,
    Finished,
    Started,
    UsageReported,
)
from domain.model.usage import NO_USAGE, Attempt, AttemptOutcome, Usage, UsageRecord
from ports.chat_model import ChatModel
from ports.usage_log import UsageLog

SETTLE_S = 1.0
"""Longest that a way out may be held up by writing its record, in seconds."""

_OUTCOMES: Mapping[ErrorReason, AttemptOutcome] = {
    ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN: AttemptOutcome.TIMED_OUT_FIRST_TOKEN,
    ErrorReason.PROVIDER_TIMEOUT_IDLE: AttemptOutcome.TIMED_OUT_IDLE,
    ErrorReason.CALLER_DEADLINE: AttemptOutcome.DEADLINE,
}


@attrs.frozen
class Settled:
    """A provider whose attempts are accounted for.

    Attributes:
        provider: Name for the records.
        log: Takes the records; whoever opened it closes it.
        wall_clock: Seconds since the Unix epoch.
    """

    inner: ChatModel
    provider: str
    log: UsageLog
    credential_alias: str = ""
    wall_clock: Callable[[], float] = time.time

    @asynccontextmanager
    async def stream(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Open the answer; leaving the block writes the record.

        Nothing is written where no upstream was asked: before the answer
        began, the request turned out to make no sense, or a key is missing.
        """
        # A call that is over before it began leaves no trace.
        await anyio.lowlevel.checkpoint_if_cancelled()
        account = _Account(
            call,
            self.provider,
            self.credential_alias,
            anyio.current_time(),
            anyio.current_effective_deadline(),
        )
        async with (
            _Settlement(account, self.log, self.wall_clock),
            self.inner.stream(call) as events,
        ):
            account.entered = True
            yield _Observed(events, account)


@attrs.define
class _Account:
    """What is known of one attempt while it runs."""

    call: ChatCall
    provider: str
    credential_alias: str
    start_s: float
    deadline_s: float
    entered: bool = False
    raised: ChatError | None = None
    started: Started | None = None
    usage: Usage = NO_USAGE
    first_token_s: float | None = None
    served: Attempt | None = None

    def serve(self, event: Finished) -> Finished:
        """Enter the served attempt in the ledger; return `event` with the whole ledger."""
        self.usage = event.usage
        self.served = self._attempt(anyio.current_time(), AttemptOutcome.SERVED, None)
        self.call.ledger.attempts.append(self.served)
        return attrs.evolve(event, attempts=tuple(self.call.ledger.attempts))

    def close(self, now_s: float, exception: BaseException | None) -> Attempt | None:
        """Return the attempt as `exception` ended it; None: nothing was tried."""
        if self.served is not None:
            return self.served
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
        self.call.ledger.attempts.append(attempt)
        return attempt

    def _is_own(self, error: ChatError) -> bool:
        # Else it is of another call, which the user of this one made inside its block.
        return not self.entered or (error is self.raised and self.started is None)

    def _ending(
        self, now_s: float, exception: BaseException | None
    ) -> tuple[AttemptOutcome, ErrorReason]:
        if isinstance(exception, ChatError):
            return _OUTCOMES.get(exception.reason, AttemptOutcome.FAILED), exception.reason
        if isinstance(exception, Exception):
            return AttemptOutcome.FAILED, ErrorReason.SERVICE_INTERNAL
        # No error of ours: the block was cancelled, or its user went away in the middle.
        if now_s >= self.deadline_s:
            return AttemptOutcome.DEADLINE, ErrorReason.CALLER_DEADLINE
        return AttemptOutcome.CANCELLED, ErrorReason.CALLER_CANCELLED

    def _attempt(
        self, now_s: float, outcome: AttemptOutcome, reason: ErrorReason | None
    ) -> Attempt:
        return Attempt(
            index=len(self.call.ledger.attempts),
            provider=self.provider,
            model=self.call.request.model,
            credential_alias=self.credential_alias,
            outcome=outcome,
            upstream_status=self.started.upstream_status if self.started else 0,
            upstream_request_id=self.started.upstream_request_id if self.started else "",
            usage=self.usage,
            first_token_s=self.first_token_s,
            total_s=now_s - self.start_s,
            error_reason=reason,
        )


@attrs.frozen
class _Settlement:
    """The block around an attempt; its exit, whatever it is, writes the record."""

    account: _Account
    log: UsageLog
    wall_clock: Callable[[], float]

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        attempt = self.account.close(anyio.current_time(), exception)
        if attempt is None:
            return
        call = self.account.call
        record = UsageRecord(
            request_id=call.request_id,
            caller=call.caller.name,
            time_s=self.wall_clock(),
            attempt=attempt,
            labels=call.request.labels,
        )
        with anyio.move_on_after(SETTLE_S, shield=True):
            await self.log.append(record)


@attrs.define
class _Observed(AsyncIterator[ChatEvent]):
    """Passes events on and remembers what the account needs."""

    _events: AsyncIterator[ChatEvent]
    _account: _Account

    async def __anext__(self) -> ChatEvent:
        try:
            event = await anext(self._events)
        except ChatError as error:
            self._account.raised = error
            raise
        except StopAsyncIteration:
            if self._account.served is None:
                raise ProviderFailure(
                    "the answer broke off before it was finished",
                    ErrorReason.PROVIDER_STREAM_TRUNCATED,
                ) from None
            raise
        kind = type(event)
        if kind in CONTENT_EVENTS:
            if self._account.first_token_s is None:
                self._account.first_token_s = anyio.current_time() - self._account.start_s
            return event
        rule = _RULES.get(kind)
        return event if rule is None else rule(self._account, event)


def _started(account: _Account, event: Started) -> ChatEvent:
    account.started = event
    return event


def _usage(account: _Account, event: UsageReported) -> ChatEvent:
    account.usage = event.usage
    return event


# The keys decide the argument's type, which the type system cannot follow.
_RULES: Mapping[type, Callable[[_Account, Any], ChatEvent]] = {
    Started: _started,
    UsageReported: _usage,
    Finished: _Account.serve,
}
