"""The account of embeddings: every attempt leaves exactly one record, whatever ends it (see `attempts`)."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import anyio
import anyio.lowlevel
import attrs

from domain.model.embedding import EmbeddingCall, EmbeddingResponse, FailedAtCost
from domain.model.watch import Operation
from domain.policy.token_estimate import texts_tokens
from domain.services.attempts import UNPRICED, Account, Settlement
from ports.embedding_model import EmbeddingModel
from ports.prices import Prices
from ports.usage_log import UsageLog

_NO_LABELS: Mapping[str, str] = {}


@attrs.frozen
class SettledEmbedding:
    """An embedding model whose attempts are accounted for.

    Attributes:
        provider: Name for the records.
        log: Takes the records; whoever opened it closes it.
        prices: What attempts cost.
        wall_clock: Seconds since the Unix epoch.
    """

    inner: EmbeddingModel
    provider: str
    log: UsageLog
    credential_alias: str = ""
    prices: Prices = UNPRICED
    wall_clock: Callable[[], float] = time.time

    async def embed(self, call: EmbeddingCall, /) -> EmbeddingResponse:
        """Return the vectors, with all attempts of the call; the record is written before this returns."""
        # A call that is over before it began leaves no trace.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if self.provider in self.prices.unprepared:
            await self.prices.prepare(self.provider)
        due_s = call.ledger.due_s
        account = Account(
            request_id=call.request_id,
            caller=call.caller.name,
            labels=_NO_LABELS,
            ledger=call.ledger,
            provider=self.provider,
            model=call.request.model,
            credential_alias=self.credential_alias,
            start_s=anyio.current_time(),
            deadline_s=anyio.current_effective_deadline() if due_s is None else due_s,
            prices=self.prices,
            input_tokens=partial(texts_tokens, call.request.inputs),
            operation=Operation.EMBEDDINGS,
            traceparent=call.traceparent,
        )
        async with Settlement(account, self.log, self.wall_clock):
            if account.traceparent != call.traceparent:
                call = attrs.evolve(call, traceparent=account.traceparent)
            try:
                response = await self.inner.embed(call)
            except FailedAtCost as error:
                account.usage = error.usage
                raise error.failure from None
            account.begin(response.upstream_status, response.upstream_request_id, response.model)
            attempts = account.serve(response.usage)
            return attrs.evolve(response, usage=attempts[-1].usage, attempts=attempts)
