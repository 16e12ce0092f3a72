"""Where the account is kept: the side that writes."""

from typing import Protocol

from domain.model.usage import UsageRecord


class RecordLost(Exception):
    """A record could not be taken over; the log has counted it as lost."""


class UsageLog(Protocol):
    """Keeps usage records."""

    def ready(self) -> None:
        """Refuse what could not be recorded; asked before every attempt, so cheap.

        Raises:
            ServiceFailure: Too much is waiting to be kept (SERVICE_OVERLOADED).
        """
        ...

    @property
    def waits(self) -> bool:
        """Whether `append` may have to wait; where not, it returns without a checkpoint."""
        ...

    async def append(self, record: UsageRecord, /) -> None:
        """Take over `record`; when this returns it is as safe as the log's durability says.

        Called in a shielded scope of at most a second, once per attempt. The record is taken over before the
        first checkpoint: who gives up waiting has not lost it.

        Raises:
            RecordLost: And nothing else.
        """
        ...
