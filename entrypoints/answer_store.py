"""Opens what keeps answers: this process' memory, or a Redis that servers share."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from adapters.storage.memory_response_cache import MemoryResponseCache
from domain.groups import single_error_unwrapped
from domain.services.recalled import Keeping
from entrypoints.redis_place import PlaceUnknown, redis_place
from entrypoints.settings.response_cache import ResponseCacheSettings
from ports.response_cache import ResponseCache


class CacheUnusable(Exception):
    """Answers cannot be kept as configured; the message says why, in one line, without secrets."""


@asynccontextmanager
async def open_response_cache(
    settings: ResponseCacheSettings, environment: Mapping[str, str], tell: Callable[[str], None]
) -> AsyncIterator[ResponseCache | None]:
    """Have the cache that `settings` ask for while the block runs; None: none.

    Args:
        settings: Where and how.
        environment: May hold Redis' address.
        tell: Told in a sentence when Redis goes away and when it is back.

    Raises:
        CacheUnusable: Nothing says where Redis is, or there is nothing to speak to it with.
    """
    if settings.store == "off":
        yield None
        return
    if settings.store == "memory":
        yield MemoryResponseCache(settings.max_bytes)
        return
    try:
        address = redis_place("response_cache", settings, environment)
        # A tenth of a second to import, and it need not be installed: only where it is needed.
        from adapters.storage.redis_cache.cache import CacheBounds, open_redis_response_cache
    except PlaceUnknown as error:
        raise CacheUnusable(str(error)) from None
    except ImportError as error:
        raise CacheUnusable(
            f'response_cache.store = "redis" needs what is not installed ({error.name}):'
            " install llmservice[redis]"
        ) from None
    bounds = CacheBounds(
        prefix=settings.redis_prefix,
        timeout_s=settings.redis_timeout_s,
        max_value_bytes=settings.max_answer_bytes,
    )

    def tell_which(sentence: str) -> None:
        tell(f"response cache: {sentence}")

    with single_error_unwrapped():
        async with open_redis_response_cache(address, tell=tell_which, bounds=bounds) as cache:
            yield cache


def keeping(settings: ResponseCacheSettings, cache: ResponseCache | None) -> Keeping:
    """Return `settings` in the words of the core."""
    return Keeping(
        cache=cache,
        default_ttl_s=settings.default_ttl_s,
        max_ttl_s=settings.max_ttl_s,
        max_answer_bytes=settings.max_answer_bytes,
        with_tools=settings.with_tools,
    )
