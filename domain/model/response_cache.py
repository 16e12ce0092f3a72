"""Answers that are kept and given again: what a call asks for, what is kept, and what is told of it."""

from enum import StrEnum

import attrs


class CacheMode(StrEnum):
    """What a call does with the answers that are kept."""

    OFF = "off"
    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    WRITE_ONLY = "write_only"

    @property
    def reads(self) -> bool:
        """Whether a kept answer will do."""
        return self in (CacheMode.READ_WRITE, CacheMode.READ_ONLY)

    @property
    def writes(self) -> bool:
        """Whether the answer is to be kept."""
        return self in (CacheMode.READ_WRITE, CacheMode.WRITE_ONLY)


class CacheStatus(StrEnum):
    """Where an answer came from, for a call that asked for more than a provider.

    Attributes:
        MISS: From the provider: nothing was kept, and none was on its way.
        HIT: From what is kept; no provider was asked.
        COALESCED: From the same call, which was in flight.
        BYPASS: From the provider, and what is kept was not looked at.
    """

    MISS = "miss"
    HIT = "hit"
    COALESCED = "coalesced"
    BYPASS = "bypass"


@attrs.frozen(kw_only=True)
class ResponseCachePolicy:
    """What a call asks of the response cache.

    Attributes:
        ttl_s: For how long what this call writes is kept; ``None`` is the configured time.
        max_age_s: How old an answer may be that this call accepts; ``None``: as old as it is kept.
        scope: Partition inside the caller's own.
        coalesce: Share the same call if it is in flight.
    """

    mode: CacheMode = CacheMode.OFF
    ttl_s: float | None = None
    max_age_s: float | None = None
    scope: str = ""
    coalesce: bool = False
