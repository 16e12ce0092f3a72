"""Opens what keeps the books of the limits: this process' memory, or a Redis that servers share."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from adapters.storage.memory_limiter import MemoryLimiter, NothingSpent
from adapters.storage.redis_limiter.address import RedisAddress
from adapters.storage.refusing_limiter import RefusingLimiter
from domain.groups import single_error_unwrapped
from entrypoints.event_loop import loop_clock
from entrypoints.redis_place import PlaceUnknown
from entrypoints.redis_place import redis_place as section_place
from entrypoints.settings.limits import LimitSettings
from ports.limiter import Limiter
from ports.spending import Spending

_AWAY = "limits cannot be kept just now, because Redis does not answer"
_RETRY_S = 1.0


class LimitsUnusable(Exception):
    """Limits cannot be kept as configured; the message says why, in one line, without secrets."""


@asynccontextmanager
async def open_limiter(
    settings: LimitSettings,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
    spending: Spending,
) -> AsyncIterator[Limiter]:
    """Have the limiter that `settings` ask for while the block runs.

    Args:
        settings: Where and how.
        environment: May hold Redis' address.
        tell: Told in a sentence when Redis goes away and when it is back.
        spending: Sums up the account.

    Raises:
        LimitsUnusable: Nothing says where Redis is, or there is nothing to speak to it with. That it does not
            answer is no failure: it may come.
    """
    local = MemoryLimiter(spending, max_waiting=settings.max_waiting, steady_clock=loop_clock())
    if settings.store == "memory":
        yield local
        return
    address = redis_place(settings, environment)
    try:
        # A tenth of a second to import, and it need not be installed: only where it is needed.
        from adapters.storage.redis_limiter.opening import RedisBounds, open_redis_limiter
    except ImportError as error:
        raise LimitsUnusable(
            f'limits.store = "redis" needs what is not installed ({error.name}): install llmservice[redis]'
        ) from None
    bounds = RedisBounds(
        prefix=settings.redis_prefix,
        timeout_s=settings.redis_timeout_s,
        settle_s=min(1.0, settings.redis_timeout_s),
        lease_s=settings.redis_lease_s,
        max_waiting=settings.max_waiting,
    )
    meanwhile = local if settings.redis_away == "local" else RefusingLimiter(_AWAY, _RETRY_S)
    with single_error_unwrapped():
        async with open_redis_limiter(
            address, meanwhile=meanwhile, spending=spending, tell=tell, bounds=bounds
        ) as limiter:
            yield limiter


async def redis_silence(settings: LimitSettings, environment: Mapping[str, str]) -> str | None:
    """Return why the Redis that limits are kept in does not answer; None: it does, or there is none.

    Raises:
        LimitsUnusable: Nothing says where it is, or there is nothing to speak to it with.
    """
    told: list[str] = []
    async with open_limiter(settings, environment, told.append, NothingSpent()):
        return told[0] if told else None


def redis_place(settings: LimitSettings, environment: Mapping[str, str]) -> RedisAddress:
    """Return where Redis is; its password is not part of how it is shown.

    Raises:
        LimitsUnusable: Nothing says so, or what does makes no sense.
    """
    try:
        return section_place("limits", settings, environment)
    except PlaceUnknown as error:
        raise LimitsUnusable(str(error)) from None
