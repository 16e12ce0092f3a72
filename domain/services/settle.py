"""The account of streams: every attempt leaves exactly one record, whatever ends it (see `attempts`).

An attempt counts as served from the moment its `Finished` passes: what the consumer does then is not its
fault. A stream that just stops is turned into an error here, next to its maker.
"""

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from domain.model.call import ChatCall, Delivery
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import (
    ChatEvent,
    Finished,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from domain.policy.token_estimate import input_tokens, quarters
from domain.services.attempts import UNPRICED, Account, Settlement
from ports.chat_model import ChatModel
from ports.prices import Prices
from ports.usage_log import UsageLog


@attrs.frozen
class Settled:
    """A provider whose attempts are accounted for.

    Attributes:
        provider: Name for the records.
        log: Takes the records; whoever opened it closes it.
        prices: What attempts cost.
        wall_clock: Seconds since the Unix epoch.
        clock: The event loop's, in seconds.
        checkpoint: Looks whether the task is cancelled.
    """

    inner: ChatModel
    provider: str
    log: UsageLog
    credential_alias: str = ""
    prices: Prices = UNPRICED
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = anyio.current_time
    checkpoint: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint_if_cancelled

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer; leaving the block writes the record.

        Nothing is written where no upstream was asked: before the answer
        began, the request turned out to make no sense, or a key is missing.
        No upstream is asked where the record could not be kept.
        """
        return _Attempt(self, call)


@attrs.define(eq=False)
class _Attempt(AbstractAsyncContextManager[AsyncIterator[ChatEvent]]):
    """The block of one attempt. A class, because a generator costs each call 5 us more."""

    _of: Settled
    _call: ChatCall
    _settlement: Settlement = attrs.field(init=False)
    _inner: AbstractAsyncContextManager[AsyncIterator[ChatEvent]] = attrs.field(init=False)

    async def __aenter__(self) -> AsyncIterator[ChatEvent]:
        of, call = self._of, self._call
        # A call that is over before it began leaves no trace.
        await of.checkpoint()
        if of.provider in of.prices.unprepared:
            await of.prices.prepare(of.provider)
        due_s = call.ledger.due_s
        account = Account(
            request_id=call.request_id,
            caller=call.caller.name,
            labels=call.request.labels,
            ledger=call.ledger,
            provider=of.provider,
            model=call.request.model,
            credential_alias=of.credential_alias,
            start_s=of.clock(),
            deadline_s=anyio.current_effective_deadline() if due_s is None else due_s,
            prices=of.prices,
            input_tokens=partial(input_tokens, call.request),
            streamed=call.delivery is Delivery.STREAMED,
            traceparent=call.traceparent,
            clock=of.clock,
        )
        self._settlement = settlement = Settlement(account, of.log, of.wall_clock)
        await settlement.__aenter__()
        try:
            if account.traceparent != call.traceparent:
                # The attempt's own place in the trace, which somebody has given it.
                call = attrs.evolve(call, traceparent=account.traceparent)
            self._inner = of.inner.stream(call)
            events = await self._inner.__aenter__()
            account.entered = True
        finally:
            if not account.entered:
                await settlement.__aexit__(*sys.exc_info())  # noqa: ASYNC102 - it shields itself
        return _Observed(events, account)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        silenced = left = False
        try:
            # What is below bounds its own way out.
            silenced = bool(await self._inner.__aexit__(kind, exception, trace))  # noqa: ASYNC102
            left = True
        finally:
            error = (None, None, None) if silenced else (kind, exception, trace)
            # It shields itself.
            await self._settlement.__aexit__(*(error if left else sys.exc_info()))  # noqa: ASYNC102
        return silenced


@attrs.define
class _Observed(AsyncIterator[ChatEvent]):
    """Passes events on and remembers what the account needs."""

    _events: AsyncIterator[ChatEvent]
    _account: Account

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
        said = SAID.get(kind)
        if said is not None:
            account = self._account
            if account.first_token_s is None:
                account.first_token_s = account.clock() - account.start_s
            text = said(event)
            account.chunks += 1
            account.arrived += len(text) if text.isascii() else quarters(text)
            return event
        rule = _RULES.get(kind)
        return event if rule is None else rule(self._account, event)


def _started(account: Account, event: Started) -> ChatEvent:
    account.begin(event.upstream_status, event.upstream_request_id, event.model)
    account.response_id = event.id
    return event


def _usage(account: Account, event: UsageReported) -> ChatEvent:
    account.usage = event.usage
    return event


def _finished(account: Account, event: Finished) -> ChatEvent:
    account.finish_reason = event.native_reason or event.reason.value
    attempts = account.serve(event.usage)
    # Not evolved, which costs a call three times as much.
    return Finished(
        reason=event.reason,
        native_reason=event.native_reason,
        usage=attempts[-1].usage,
        attempts=attempts,
    )


# The keys decide the argument's type, which the type system cannot follow.
SAID: Mapping[type, Callable[[Any], str]] = {
    TextDelta: attrgetter("text"),
    RefusalDelta: attrgetter("text"),
    ReasoningDelta: attrgetter("text"),
    ToolCallDelta: attrgetter("arguments_fragment"),
}
"""How the text of each event that has any is had."""
_RULES: Mapping[type, Callable[[Account, Any], ChatEvent]] = {
    Started: _started,
    UsageReported: _usage,
    Finished: _finished,
}
