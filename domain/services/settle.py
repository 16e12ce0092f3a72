"""The account of streams: every attempt leaves exactly one record, whatever ends it (see `attempts`).

An attempt counts as served from the moment its `Finished` passes: what the consumer does then is not its
fault. A stream that just stops is turned into an error here, next to its maker.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from operator import attrgetter
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
    """

    inner: ChatModel
    provider: str
    log: UsageLog
    credential_alias: str = ""
    prices: Prices = UNPRICED
    wall_clock: Callable[[], float] = time.time

    @asynccontextmanager
    async def stream(self, call: ChatCall) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        """Open the answer; leaving the block writes the record.

        Nothing is written where no upstream was asked: before the answer
        began, the request turned out to make no sense, or a key is missing.
        No upstream is asked where the record could not be kept.
        """
        # A call that is over before it began leaves no trace.
        await anyio.lowlevel.checkpoint_if_cancelled()
        await self.prices.prepare(self.provider)
        account = Account(
            request_id=call.request_id,
            caller=call.caller.name,
            labels=call.request.labels,
            ledger=call.ledger,
            provider=self.provider,
            model=call.request.model,
            credential_alias=self.credential_alias,
            start_s=anyio.current_time(),
            deadline_s=anyio.current_effective_deadline(),
            prices=self.prices,
            input_tokens=partial(input_tokens, call.request),
            streamed=call.delivery is Delivery.STREAMED,
            traceparent=call.traceparent,
        )
        async with (
            Settlement(account, self.log, self.wall_clock),
            self.inner.stream(_traced(call, account)) as events,
        ):
            account.entered = True
            yield _Observed(events, account)


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
                account.first_token_s = anyio.current_time() - account.start_s
            text = said(event)
            account.chunks += 1
            account.arrived += len(text) if text.isascii() else quarters(text)
            return event
        rule = _RULES.get(kind)
        return event if rule is None else rule(self._account, event)


def _traced(call: ChatCall, account: Account) -> ChatCall:
    # The attempt's own place in the trace, if somebody has given it one.
    if account.traceparent == call.traceparent:
        return call
    return attrs.evolve(call, traceparent=account.traceparent)


def _started(account: Account, event: Started) -> ChatEvent:
    account.begin(event.upstream_status, event.upstream_request_id, event.model)
    return event


def _usage(account: Account, event: UsageReported) -> ChatEvent:
    account.usage = event.usage
    return event


def _finished(account: Account, event: Finished) -> ChatEvent:
    attempts = account.serve(event.usage)
    return attrs.evolve(event, usage=attempts[-1].usage, attempts=attempts)


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
