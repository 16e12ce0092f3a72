"""Who is calling, and how long those wait who cannot say it."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
import trio
from trio.testing import MockClock

from adapters.callers.table import CallerTable, KnownCaller
from domain.model.caller import ANONYMOUS, Caller
from domain.model.errors import Unauthenticated
from domain.policy.guessing import Guesses, GuessingPolicy
from entrypoints.grpc.authentication import OPEN, Admission, Authentication
from entrypoints.settings.grpc import OPEN_SERVICES
from tests.support.core_call import server_call
from tests.support.planted import planted

TOKEN = planted("sesame")
ALICE, BOB = Caller("alice"), Caller("bob")
GOOD = ("authorization", f"Bearer {TOKEN}")
BAD = ("authorization", "Bearer wrong")


def door(*names: str, demanding: bool = True, guesses: Guesses | None = None) -> Authentication:
    """Return a door that knows Alice's token and Bob's certificate; the client's names are `names`."""
    table = CallerTable()
    table.replace(
        [
            KnownCaller(caller=ALICE, token_digest=sha256(TOKEN.encode()).digest()),
            KnownCaller(caller=BOB, client_subject="CN=bob"),
        ]
    )
    return Authentication(
        Admission(callers=table, demanding=lambda: demanding),
        frozenset(OPEN_SERVICES),
        lambda call: names,
        guesses=Guesses() if guesses is None else guesses,
    )


async def through(
    authentication: Authentication, *metadata: tuple[str, str | bytes], service: str = "x.Y"
) -> Caller:
    """Return who the handler of a call is told has called."""
    call = server_call(metadata, service=service)
    await authentication.authenticated(call)
    return call.caller


async def refused(authentication: Authentication, *metadata: tuple[str, str | bytes]) -> str:
    """Return what a refused call is told; the handler must not have run."""
    with pytest.raises(Unauthenticated) as caught:
        await through(authentication, *metadata)
    return caught.value.message


# ------------------------------------------------------------------ who it is


@pytest.mark.parametrize(
    "value", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER   {TOKEN} "], ids=ascii
)
async def test_a_token_says_who_calls(value: str) -> None:
    assert await through(door(), ("x", "y"), ("authorization", value)) is ALICE


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ([], "there is no token"),
        ([""], "not of the kind Bearer"),
        (["Basic c2VjcmV0"], "not of the kind Bearer"),
        ([TOKEN], "not of the kind Bearer"),
        ([f"Bearer{TOKEN}"], "not of the kind Bearer"),
        (["Bearer"], "has no token"),
        (["Bearer  "], "has no token"),
        ([f"Bearer {TOKEN} {TOKEN}"], "holds a space"),
        ([f"Bearer {TOKEN}\t"], "holds a space"),
        ([f"Bearer {TOKEN}\ufffd"], "holds a space"),
        (["Bearer " + "x" * 1025], "longer than 1024"),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], "there are 2 authorizations"),
        ([f"Bearer {TOKEN}x"], "nobody has this token"),
        ([b"Bearer"], "not of the kind Bearer"),
    ],
    ids=ascii,
)
async def test_what_is_no_valid_token_is_told_what_is_expected_and_not_what_was_sent(
    shown: Sequence[str | bytes], said: str
) -> None:
    message = await refused(door(), *(("authorization", each) for each in shown))
    assert said in message
    assert TOKEN not in message
    assert "c2VjcmV0" not in message
    assert "Bearer TOKEN" in message or "nobody has this token" in message


async def test_a_certificate_says_who_calls_where_there_is_no_token() -> None:
    assert await through(door("O=x,CN=bob", "DNS:bob", "CN=bob")) is BOB
    assert "client certificate, 'CN=mallory'" in await refused(door("CN=mallory"))


async def test_a_token_decides_alone() -> None:
    assert await through(door("CN=bob"), GOOD) is ALICE
    assert "nobody has this token" in await refused(door("CN=bob"), BAD)


async def test_where_no_caller_is_demanded_everyone_is_anonymous() -> None:
    assert await through(Authentication(OPEN), GOOD) is ANONYMOUS
    assert await through(door(demanding=False), BAD) is ANONYMOUS


@pytest.mark.parametrize("service", sorted(OPEN_SERVICES))
async def test_an_open_service_asks_nobody(service: str) -> None:
    assert await through(door(), BAD, service=service) is ANONYMOUS


# ------------------------------------------------------------------ those who guess


async def test_failures_wait_ever_longer_and_a_valid_call_from_there_never(
    autojump_clock: MockClock,
) -> None:
    authentication = door()
    for _ in range(10):
        await refused(authentication, BAD)
    assert trio.current_time() == 0.0
    await refused(authentication, BAD)
    assert trio.current_time() == 0.25
    for _ in range(20):
        await refused(authentication)
    before = trio.current_time()
    await refused(authentication)
    # Waiting forgives a little, too: the pace settles where both are even.
    assert 1.0 <= trio.current_time() - before <= 2.0
    now = trio.current_time()
    assert await through(authentication, GOOD) is ALICE
    assert trio.current_time() == now


async def test_only_so_many_answers_are_held_back_at_once(autojump_clock: MockClock) -> None:
    authentication = door(guesses=Guesses(GuessingPolicy(free=0, step_s=2.0, most_waiting=3)))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(refused, authentication, BAD)
        await trio.testing.wait_all_tasks_blocked()
        await refused(authentication, BAD)
        assert trio.current_time() == 0.0
    assert trio.current_time() == 2.0


async def test_a_caller_that_leaves_need_not_be_waited_for(autojump_clock: MockClock) -> None:
    authentication = door(guesses=Guesses(GuessingPolicy(free=0, step_s=2.0, most_waiting=1)))
    with trio.move_on_after(0.5) as scope:
        await refused(authentication, BAD)
    assert scope.cancelled_caught
    # The place it had is free again: the next one is held back.
    await refused(authentication, BAD)
    assert trio.current_time() == 2.5


# ------------------------------------------------------------------ nothing is kept


def test_no_repr_of_a_call_shows_what_was_sent() -> None:
    call = server_call([GOOD, ("x-key", TOKEN)])
    for text in (repr(call), repr(call.head)):
        assert TOKEN not in text
        assert "authorization" in text
