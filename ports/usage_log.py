"""Where the account is kept."""

from typing import Protocol

from domain.model.usage import UsageRecord


class UsageLog(Protocol):
    """Keeps usage records."""

    async def append(self, record: UsageRecord, /) -> None:
        """Take over `record`; when this returns the record will not be lost by us.

        Called in a shielded scope of at most a second, once per attempt.
        """
        ...
