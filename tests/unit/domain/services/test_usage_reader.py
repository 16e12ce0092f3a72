"""The account, as callers may read it: their own, unless they may read all."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import attrs
import pytest

from domain.model.caller import Caller
from domain.model.errors import ErrorReason, InvalidRequest, ServiceFailure
from domain.model.usage import UsageRecord
from domain.policy.access import READ_ALL_USAGE
from domain.services.route import Routed
from domain.services.route_embedding import EmbeddingRouted
from domain.services.service import Service
from domain.services.usage_reader import UsageReader
from ports.usage_query import Grouping, UsageFilter, UsageSummary

ANNA = Caller("anna")
READER = Caller("auditor", scopes=frozenset({READ_ALL_USAGE}))


@attrs.frozen
class Nothing(AsyncIterator[UsageRecord]):
    """No records."""

    async def __anext__(self) -> UsageRecord:
        raise StopAsyncIteration


@attrs.define
class Asked:
    """An empty account that remembers what it was asked."""

    wanted: list[UsageFilter] = attrs.field(factory=list)

    def records(self, wanted: UsageFilter, /) -> AsyncIterator[UsageRecord]:
        self.wanted.append(wanted)
        return Nothing()

    async def summary(
        self, wanted: UsageFilter, by: Sequence[Grouping] = (), /
    ) -> Sequence[UsageSummary]:
        raise NotImplementedError

    async def spent(
        self, since_s: float, callers: Collection[str] | None = None, /
    ) -> Mapping[str, int]:
        raise NotImplementedError


async def read(wanted: UsageFilter, caller: Caller) -> UsageFilter:
    """Return what the account is asked when `caller` wants `wanted` of the service."""
    query = Asked()
    service = Service(Routed({}), EmbeddingRouted({}), None, UsageReader(query))
    assert [record async for record in service.usage(wanted, caller)] == []
    (asked,) = query.wanted
    return asked


async def test_callers_read_their_own_records_whoever_they_ask_for() -> None:
    assert (await read(UsageFilter(), ANNA)).caller == "anna"
    assert (await read(UsageFilter(caller="bert"), ANNA)).caller == "anna"


async def test_who_may_read_all_reads_what_is_asked_for() -> None:
    assert (await read(UsageFilter(), READER)).caller is None
    assert (await read(UsageFilter(caller="bert"), READER)).caller == "bert"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (UsageFilter(start_s=7.0, end_s=7.0), "end"),
        (UsageFilter(labels={"a\0": "b"}), "labels"),
        (UsageFilter(labels={"": "b"}), "labels"),
    ],
)
def test_what_cannot_be_wanted_is_refused_by_its_field(wanted: UsageFilter, field: str) -> None:
    query = Asked()
    with pytest.raises(InvalidRequest) as caught:
        UsageReader(query).records(wanted, ANNA)
    assert [each.field for each in caught.value.violations] == [field]
    assert query.wanted == []


def test_a_service_that_keeps_no_account_says_so() -> None:
    with pytest.raises(ServiceFailure, match="no account is kept") as caught:
        Service(Routed({})).usage(UsageFilter(), ANNA)
    assert caught.value.reason is ErrorReason.SERVICE_INTERNAL
