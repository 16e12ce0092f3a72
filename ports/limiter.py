"""What keeps calls within their limits."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from domain.policy.limits import Limit, Need, Reservation


class Hold(Protocol):
    """What a call holds of its limits, until it is settled; whoever was given it settles it once."""

    async def settle(self, used: Need, /) -> None:
        """Put `used` in the place of what was reserved; done for sure, also where the call is cancelled."""
        ...


class Limiter(Protocol):
    """Keeps the books of all limits."""

    def at_once(self, limits: Sequence[Limit], need: Need, /) -> Hold | None:
        """Take what a call with `need` may take of all `limits`; or nothing, where that is not plainly right.

        This is the way of a call that need not wait, nor be asked for anywhere: the cheap one. ``None``: ask
        `reserved`, which may wait, and says why not.
        """
        ...

    def reserved(
        self, limits: Sequence[Limit], need: Need, wait_s: float, /
    ) -> AbstractAsyncContextManager[Reservation]:
        """Hold what a call with `need` may take of all `limits`, at once or not at all.

        Waits for at most `wait_s` seconds and not beyond the ambient deadline, first come first served, and
        only where that can help. Leaving the block, by whatever way, puts `Reservation.used` in the place of
        what was reserved.

        Raises:
            LimitExceeded: It does not fit in time; says when it will.
        """
        ...
