"""Where the account is kept: the side that reads."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

import attrs

from domain.model.usage import UsageRecord


@attrs.frozen(kw_only=True)
class UsageFilter:
    """Which records are meant.

    Attributes:
        start_s: Ended at this time or later, in seconds since the Unix epoch.
        end_s: Ended before this time; ``None``: open.
        caller: Of this caller alone; ``None``: of all.
        labels: Has all of these, with these values.
    """

    start_s: float = 0.0
    end_s: float | None = None
    caller: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)


class Dimension(StrEnum):
    """What a summary can be grouped by; times are UTC."""

    PROVIDER = "provider"
    MODEL = "model"
    CALLER = "caller"
    OUTCOME = "outcome"
    DAY = "day"
    HOUR = "hour"


@attrs.frozen
class LabelKey:
    """A label by which a summary can be grouped; what does not have it is in the group of the empty text."""

    key: str


Grouping: TypeAlias = Dimension | LabelKey


@attrs.frozen(kw_only=True)
class UsageSummary:
    """What the attempts of one group come to; what nobody reported counts as nothing.

    Attributes:
        group: Value by what was asked for; a day is ``2026-11-22``, an hour ``2026-11-22T20``.
        attempts: How many there were, however they ended.
        served: How many of them were served.
        unpriced: How many have tokens, and no known price.
        total_s: Time they took together, in seconds.
        cost_nano_usd: Sum of what is known, in 1e-9 US dollars.
    """

    group: Mapping[Grouping, str]
    attempts: int
    served: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int
    total_s: float


class UsageQuery(Protocol):
    """Answers questions about the account.

    Every answer may fail with `ServiceFailure` (SERVICE_OVERLOADED): the account cannot be read now.
    """

    def records(self, wanted: UsageFilter, /) -> AsyncIterator[UsageRecord]:
        """Return what is `wanted`, oldest first, read in pages as it is consumed."""
        ...

    async def summary(
        self, wanted: UsageFilter, by: Sequence[Grouping] = (), /
    ) -> Sequence[UsageSummary]:
        """Return the sums of what is `wanted`, one for each group that occurs, ordered by group.

        Without a dimension: one sum over all, of zeros where nothing is wanted.
        """
        ...

    async def spent(
        self, since_s: float, callers: Collection[str] | None = None, /
    ) -> Mapping[str, int]:
        """Return what each caller spent since `since_s`, in 1e-9 US dollars.

        Args:
            since_s: Seconds since the Unix epoch.
            callers: Only these; ``None``: everybody. Who spent nothing may be missing.
        """
        ...
