"""Opens the limiter over Redis."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import attrs

from adapters.storage.redis_limiter.address import RedisAddress
from adapters.storage.redis_limiter.limiter import RedisLimiter
from adapters.storage.redis_limiter.link import Link
from adapters.storage.redis_limiter.seeding import Seeds
from ports.limiter import Limiter
from ports.spending import Spending


@attrs.frozen(kw_only=True)
class RedisBounds:
    """How Redis is used.

    Attributes:
        prefix: What its keys begin with; who shares it shares the limits.
        timeout_s: Longest wait for one answer.
        settle_s: Longest that a call's end waits for Redis.
        lease_s: How long what a server's calls hold outlives its last sign of life.
        retry_s: Mean time between two tries to connect.
        max_waiting: Calls of this process that may wait at once.
    """

    prefix: str = "llmservice"
    timeout_s: float = 1.0
    settle_s: float = 1.0
    lease_s: float = 30.0
    retry_s: float = 0.5
    max_waiting: int = 1_000


@asynccontextmanager
async def open_redis_limiter(
    address: RedisAddress,
    *,
    meanwhile: Limiter,
    spending: Spending,
    tell: Callable[[str], None],
    bounds: RedisBounds,
) -> AsyncIterator[RedisLimiter]:
    """Keep limits in the Redis at `address` while the block runs; it need not answer.

    Args:
        address: Where it is.
        meanwhile: Answers while it is away.
        spending: Sums up the account, from which budgets are known that Redis does not know.
        tell: Told in a sentence when Redis goes away and when it is back.
        bounds: How it is used.

    Resource handling:
        The block owns the connection and the task that renews what calls hold. Calls end before it does.
    """
    link = Link(
        address=address,
        root=f"{{{bounds.prefix}}}",
        timeout_s=bounds.timeout_s,
        retry_s=bounds.retry_s,
        # Two may be lost.
        beat_s=bounds.lease_s / 3,
        tell=tell,
    )
    limiter = RedisLimiter(
        link=link,
        server=secrets.token_hex(8),
        meanwhile=meanwhile,
        seeds=Seeds(spending),
        lease_s=bounds.lease_s,
        settle_s=bounds.settle_s,
        max_waiting=bounds.max_waiting,
    )
    # Calls that are cancelled settle over this connection: it ends after them, and not with them.
    keeping = anyio.CancelScope(shield=True)

    async def keep() -> None:
        with keeping:
            await link.keep(limiter.greet, limiter.beat)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep)
        try:
            await link.tried.wait()
            yield limiter
        finally:
            with anyio.move_on_after(bounds.settle_s, shield=True):
                await limiter.leave()
            keeping.cancel()
