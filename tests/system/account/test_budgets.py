"""Budgets know the account: what was spent before a restart is spent."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from adapters.storage.sql.database import DatabaseUnusable
from adapters.storage.sql.spending import SqlSpending
from adapters.storage.writing.journal import open_journal
from adapters.storage.writing.rows import line_of, rows_of
from domain.model.call import ChatCall
from domain.model.caller import Caller, CallerLimits
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.errors import ErrorReason, LimitExceeded, ServiceFailure
from domain.model.usage import Usage
from entrypoints.account import open_account
from entrypoints.compose import open_service
from entrypoints.settings.loading import structure
from tests.support.account_records import record

ALICE = Caller(name="alice", limits=CallerLimits(budget_nano_usd_per_day=1_500_000_000))


def question() -> ChatCall:
    asked = Message(role=Role.USER, parts=(Text(text="x"),))
    # Reserves a little more than a dollar, and uses one.
    request = ChatRequest(provider="play", model="hello", messages=(asked,), max_tokens=1_000_000)
    return ChatCall(request=request, caller=ALICE)


@pytest.mark.parametrize("store", ["memory", "redis"])
async def test_what_was_spent_before_a_restart_is_spent(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environment: dict[str, str] = {}
    empty: Callable[[], object] = dict
    if store == "redis":
        environment["LLMSERVICE_REDIS_URL"] = request.getfixturevalue("redis_url")
        server = request.getfixturevalue("redis_server")
        empty = lambda: server.command("FLUSHALL")  # noqa: E731 - the other one is a name
    settings = structure(
        {
            "account": {"database": f"sqlite:///{tmp_path / 'usage.db'}"},
            "local": {"enabled": False},
            "limits": {"store": store},
            "prices": {"play/*": {"input_usd": 0.0, "output_usd": 1.0}},
            "providers": {
                "play": {
                    "kind": "scripted",
                    "models": {
                        "hello": [
                            {"say": "x"},
                            {"usage": {"input_tokens": 1, "output_tokens": 1_000_000}},
                        ]
                    },
                }
            },
        }
    )
    async with open_service(settings, environment=environment) as service:
        assert (await service.answer(question())).usage.cost_nano_usd == 1_000_000_000
    empty()
    async with open_service(settings, environment=environment) as service:
        with pytest.raises(LimitExceeded) as caught:
            await service.answer(question())
    assert caught.value.reason is ErrorReason.POLICY_BUDGET_EXCEEDED


class _Away:
    async def spent(self, *_: object) -> dict[str, int]:
        raise ServiceFailure("away", ErrorReason.SERVICE_OVERLOADED) from DatabaseUnusable("s3cret")


async def test_an_account_that_does_not_answer_refuses_for_a_moment() -> None:
    with pytest.raises(ServiceFailure) as caught:
        await SqlSpending(_Away()).spent_nano_usd("alice", 0.0)  # type: ignore[arg-type]
    assert caught.value.reason is ErrorReason.SERVICE_OVERLOADED
    assert caught.value.retryable
    assert caught.value.retry_after_s == 1.0
    assert "s3cret" not in str(caught.value)


@attrs.define
class _Told:
    """A database that knows what was spent only once the journal is in it."""

    written: bool = False

    async def spent(self, since_s: float, callers: Sequence[str]) -> Mapping[str, int]:
        return {"alice": 900} if self.written else {}


async def test_what_waits_in_the_journal_is_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    told = _Told()
    spending = SqlSpending(told, lambda: told.written)  # type: ignore[arg-type]
    with pytest.raises(ServiceFailure) as caught:
        await spending.spent_nano_usd("alice", 0.0)
    assert caught.value.retry_after_s == 1.0
    assert trio.current_time() >= spending.patience_s
    found: list[int] = []

    async def ask() -> None:
        found.append(await spending.spent_nano_usd("alice", 0.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        assert not found
        told.written = True
    assert found == [900]


async def test_a_journal_that_was_left_behind_is_spent_from_the_first_question_on(
    tmp_path: Path,
) -> None:
    settings = structure({"account": {"database": f"sqlite:///{tmp_path}/usage.db"}}).account
    spent = record(caller="alice", usage=Usage(cost_nano_usd=7))
    with open_journal(tmp_path / "usage.db.journal", 2**20) as journal:
        journal.append([line_of(row) for row in rows_of([spent] * 1_000)])
    async with open_account(settings, {}, lambda _: None) as account:
        assert await account.spending.spent_nano_usd("alice", 0.0) == 1_000 * 7
