"""What callers have spent."""

from typing import Protocol


class Spending(Protocol):
    """Sums up the account."""

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        """Return what `caller` has spent since a Unix time, in 1e-9 US dollars.

        Raises:
            ServiceFailure: That cannot be found out now.
        """
        ...
