"""What callers have spent, from the account in the database."""

import anyio
import attrs

from adapters.storage.sql.usage_query import SqlUsageQuery
from domain.model.errors import ErrorReason, ServiceFailure

_RETRY_AFTER_S = 1.0


@attrs.frozen
class SqlSpending:
    """See `ports.spending.Spending`.

    Attributes:
        patience_s: How long a call waits for the sum, in seconds.
    """

    _query: SqlUsageQuery
    patience_s: float = 3.0

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        """Return what `caller` has spent since a Unix time, in 1e-9 US dollars.

        Raises:
            ServiceFailure: The database is away, so that nobody knows what is left of a budget.
        """
        try:
            with anyio.fail_after(self.patience_s):
                found = await self._query.spent(since_s, (caller,))
        except (ServiceFailure, TimeoutError) as error:
            raise ServiceFailure(
                "what is left of the budget is not known, because the account does not answer",
                ErrorReason.SERVICE_OVERLOADED,
                retry_after_s=_RETRY_AFTER_S,
            ) from error
        return found.get(caller, 0)
