"""Answers kept in Redis.

Laws: Redis being away, slow or full never fails or holds up a call longer than its timeout: it is a miss. It
is said once when it goes away and once when it is back.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import attrs

from adapters.storage.redis_cache.form import decode, encode
from adapters.storage.redis_limiter.address import RedisAddress
from adapters.storage.redis_limiter.link import Ask, Link, RedisAway
from adapters.storage.redis_limiter.scripts import Script
from domain.model.events import ChatEvent
from ports.response_cache import KeptAnswer

_BEAT_S = 10.0


def _script(text: str) -> Script:
    # Redis names scripts so; nothing depends on its strength.
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


# Always a list, so that "nothing" has one form in every version of the protocol.
_GET = _script("local v = redis.call('GET', KEYS[1] .. ARGV[1]) if v then return {v} end return {}")
_PUT = _script("redis.call('SET', KEYS[1] .. ARGV[1], ARGV[2], 'PX', ARGV[3]) return {}")


@attrs.frozen(kw_only=True)
class CacheBounds:
    """How Redis is used.

    Attributes:
        prefix: What its keys begin with; who shares it shares the answers.
        timeout_s: Longest wait for one answer of Redis.
        retry_s: Mean time between two tries to connect.
        max_value_bytes: Longer answers are not kept.
    """

    prefix: str = "llmservice"
    timeout_s: float = 0.5
    retry_s: float = 0.5
    max_value_bytes: int = 1_048_576


@attrs.frozen(eq=False)
class RedisResponseCache:
    """Keeps answers; see `ports.response_cache.ResponseCache`.

    Attributes:
        link: A connection of its own: a long answer does not hold up the limits.
        wall_clock: Seconds since the Unix epoch; servers that share answers agree on it, about.
    """

    link: Link
    max_value_bytes: int
    wall_clock: Callable[[], float] = time.time

    async def get(self, key: bytes, /) -> KeptAnswer | None:
        """Return what is kept under `key`."""
        with suppress(RedisAway):
            found = await self.link.ask(_GET, key.hex())
            read = decode(found[0]) if found else None
            if read is not None:
                events, written_s = read
                return KeptAnswer(events, max(0.0, self.wall_clock() - written_s))
        return None

    async def put(self, key: bytes, events: tuple[ChatEvent, ...], ttl_s: float, /) -> None:
        """Keep an answer; Redis lets it go after `ttl_s`, or earlier if it is full."""
        value = encode(events, self.wall_clock())
        if value is None or len(value) > self.max_value_bytes or self.link.away:
            return
        with suppress(RedisAway):
            # As bytes that are text: JSON.
            await self.link.ask(_PUT, key.hex(), value.decode(), max(1, round(ttl_s * 1e3)))


@asynccontextmanager
async def open_redis_response_cache(
    address: RedisAddress, *, tell: Callable[[str], None], bounds: CacheBounds
) -> AsyncIterator[RedisResponseCache]:
    """Keep answers in the Redis at `address` while the block runs; it need not answer.

    Args:
        address: Where it is.
        tell: Told in a sentence when Redis goes away and when it is back.
        bounds: How it is used.

    Resource handling:
        The block owns the connection. Calls end before it does.
    """
    link = Link(
        address=address,
        root=f"{{{bounds.prefix}}}answer:",
        timeout_s=bounds.timeout_s,
        retry_s=bounds.retry_s,
        beat_s=_BEAT_S,
        tell=tell,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.keep, _is_there, _is_there)
        await link.tried.wait()
        yield RedisResponseCache(link, bounds.max_value_bytes)
        tasks.cancel_scope.cancel()


async def _is_there(ask: Ask) -> None:
    """Ask for nothing, so that a connection that is none is found out."""
    await ask(_GET, "")
