"""What callers have spent, from the account in the database."""

import attrs
from sqlalchemy.exc import SQLAlchemyError

from adapters.storage.sql.usage_query import SqlUsageQuery
from domain.model.errors import ErrorReason, ServiceFailure


@attrs.frozen
class SqlSpending:
    """See `ports.spending.Spending`."""

    _query: SqlUsageQuery

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        """Return what `caller` has spent since a Unix time, in 1e-9 US dollars.

        Raises:
            ServiceFailure: The database is away, so that nobody knows what is left of a budget.
        """
        try:
            found = await self._query.spent(since_s, (caller,))
        except SQLAlchemyError:
            raise ServiceFailure(
                "what is left of the budget is not known, because the account does not answer",
                ErrorReason.SERVICE_OVERLOADED,
                retry_after_s=1.0,
            ) from None
        return found.get(caller, 0)
