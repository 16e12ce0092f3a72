"""Where finished answers are kept."""

from typing import Protocol

import attrs

from domain.model.events import ChatEvent


@attrs.frozen
class KeptAnswer:
    """An answer that was kept.

    Attributes:
        events: All of it: `Started` first, `Finished` last.
        age_s: For how long it has been kept, in seconds.
    """

    events: tuple[ChatEvent, ...]
    age_s: float


class ResponseCache(Protocol):
    """Keeps answers by digest. A cache that cannot be asked is empty: it never fails a call."""

    async def get(self, key: bytes, /) -> KeptAnswer | None:
        """Return what is kept under `key`; None: nothing, or nothing any more."""
        ...

    async def put(self, key: bytes, events: tuple[ChatEvent, ...], ttl_s: float, /) -> None:
        """Keep a finished answer for `ttl_s` seconds, in the place of what was there."""
        ...
