"""What callers have spent, from the account in the database."""

from collections.abc import Callable

import anyio
import attrs

from adapters.storage.sql.usage_query import SqlUsageQuery
from domain.model.errors import ErrorReason, ServiceFailure

_RETRY_AFTER_S = 1.0
_LOOK_EVERY_S = 0.02


def _always() -> bool:
    return True


@attrs.frozen
class SqlSpending:
    """See `ports.spending.Spending`.

    Attributes:
        complete: Whether the database has all records of earlier runs: what these left in the journal is
            spent, too.
        patience_s: How long a call waits for the sum, in seconds.
    """

    _query: SqlUsageQuery
    complete: Callable[[], bool] = _always
    patience_s: float = 3.0

    async def spent_nano_usd(self, caller: str, since_s: float, /) -> int:
        """Return what `caller` has spent since a Unix time, in 1e-9 US dollars.

        Raises:
            ServiceFailure: The database is away or lacks records, so that nobody knows what is left of a
                budget.
        """
        try:
            with anyio.fail_after(self.patience_s):
                while not self.complete():  # noqa: ASYNC110 - the writer's thread tells nobody
                    await anyio.sleep(_LOOK_EVERY_S)
                found = await self._query.spent(since_s, (caller,))
        except (ServiceFailure, TimeoutError) as error:
            raise ServiceFailure(
                "what is left of the budget is not known, because the account does not answer",
                ErrorReason.SERVICE_OVERLOADED,
                retry_after_s=_RETRY_AFTER_S,
            ) from error
        return found.get(caller, 0)
