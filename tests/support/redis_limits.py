"""Limiters over a real Redis, as servers have them, and what Redis holds for them."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
import attrs

from adapters.storage.redis_limiter.address import redis_address
from adapters.storage.redis_limiter.limiter import RedisLimiter
from adapters.storage.redis_limiter.opening import RedisBounds, open_redis_limiter
from adapters.storage.refusing_limiter import RefusingLimiter
from domain.policy.limits import NOTHING, Limit, Need
from ports.limiter import Limiter
from ports.spending import Spending
from tests.support.redis import RedisServer

Answer = bytes | int | list["Answer"] | None
BOUNDS = RedisBounds(retry_s=0.02)
AWAY = RefusingLimiter("Redis is away", 1.0)


@attrs.define
class Spent:
    """An account in which something was spent before; it counts how often it is asked."""

    nano_usd: int = 0
    asked: int = 0

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        await anyio.sleep(0.001)
        self.asked += 1
        return self.nano_usd


def _unheard(_: str) -> None:
    pass


@asynccontextmanager
async def server(
    url: str,
    *,
    meanwhile: Limiter = AWAY,
    spending: Spending | None = None,
    tell: Callable[[str], None] = _unheard,
    bounds: RedisBounds = BOUNDS,
) -> AsyncIterator[RedisLimiter]:
    """Have a limiter as one server has it."""
    async with open_redis_limiter(
        redis_address(url),
        meanwhile=meanwhile,
        spending=spending or Spent(),
        tell=tell,
        bounds=bounds,
    ) as limiter:
        yield limiter


async def hold(
    books: Limiter,
    limits: Sequence[Limit],
    *,
    need: Need = NOTHING,
    wait_s: float = 0.0,
    for_s: float = 0.0,
    used: Need | None = None,
) -> None:
    """Make a call."""
    async with books.reserved(limits, need, wait_s) as reservation:
        await anyio.sleep(for_s)
        reservation.used = need if used is None else used


def reserved_in(redis: RedisServer) -> int:
    """Return how much is reserved of all limits together, in whatever they count."""
    names = ask(redis, "KEYS", "*:limit:*")
    assert isinstance(names, list)
    total = 0
    for name in names:
        assert isinstance(name, bytes)
        text = ask(redis, "GET", name.decode())
        assert isinstance(text, bytes)
        total += int(text.split()[1])
    return total


def ask(redis: RedisServer, *words: str) -> Answer:
    """Return what Redis answers to a command."""
    with _lines(redis.command(*words)) as lines:
        return _answer(lines)


@contextmanager
def _lines(raw: bytes) -> Iterator[Iterator[bytes]]:
    lines = iter(raw.split(b"\r\n"))
    yield lines
    assert next(lines) == b""


def _answer(lines: Iterator[bytes]) -> Answer:
    line = next(lines)
    kind, rest = line[:1], line[1:]
    if kind == b"-":
        raise AssertionError(line.decode())
    if kind == b":":
        return int(rest)
    if kind == b"*":
        return [_answer(lines) for _ in range(int(rest))]
    if kind == b"$":
        return None if rest == b"-1" else next(lines)
    return rest
