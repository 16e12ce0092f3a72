"""The account, as callers may read it."""

from collections.abc import AsyncIterator, Iterator

import attrs

from domain.model.caller import Caller
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.usage import UsageRecord
from domain.policy.access import usage_readable
from domain.policy.validation import label_violations
from ports.usage_query import UsageFilter, UsageQuery


@attrs.frozen
class UsageReader:
    """Tells callers what is theirs."""

    query: UsageQuery

    def records(self, wanted: UsageFilter, caller: Caller) -> AsyncIterator[UsageRecord]:
        """Return what is `wanted` of what `caller` may read, oldest first, read in pages as it is consumed.

        Raises:
            InvalidRequest: Names every bad field of `wanted`.
        """
        wrong = tuple(violations(wanted))
        if wrong:
            raise InvalidRequest(*wrong)
        readable = usage_readable(caller)
        return self.query.records(
            wanted if readable is None else attrs.evolve(wanted, caller=readable)
        )


def violations(wanted: UsageFilter) -> Iterator[FieldViolation]:
    """Yield everything that is wrong with `wanted`, by its field on the wire."""
    if wanted.end_s is not None and wanted.end_s <= wanted.start_s:
        yield FieldViolation("end", "must be later than start")
    yield from label_violations(wanted.labels)
    for key, value in wanted.labels.items():
        if "\0" in key + value:
            yield FieldViolation("labels", "hold a NUL, which no label has")
