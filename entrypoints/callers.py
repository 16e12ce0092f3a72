"""Who may call: the callers of the settings, then those whose keys are in the account's database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from adapters.callers.chain import ChainedCallers
from adapters.callers.followed import SourceAway, following
from adapters.callers.table import CallerTable
from entrypoints.account import Account, AccountUnusable
from entrypoints.grpc.authentication import Admission


@asynccontextmanager
async def open_callers(
    configured: CallerTable, account: Account, tell: Callable[[str], None]
) -> AsyncIterator[Admission]:
    """Have everybody known who may call while the block runs.

    From the moment there is anyone, or ever was, in the settings or in the database, a caller must be known.

    Args:
        configured: The callers of the settings, who decide first.
        account: Has the keys where it has a database.
        tell: Told in a sentence what changes among the keys.

    Raises:
        AccountUnusable: The keys cannot be read.
    """
    if account.database is None:
        yield Admission(callers=configured, demanding=lambda: configured.demanding)
        return
    from adapters.storage.sql.caller_keys import SqlCallerKeys

    try:
        async with following(SqlCallerKeys(account.database), tell) as keys:
            yield Admission(
                callers=ChainedCallers((configured, keys)),
                demanding=lambda: configured.demanding or keys.demanding,
            )
    except SourceAway as error:
        raise AccountUnusable(str(error)) from None
