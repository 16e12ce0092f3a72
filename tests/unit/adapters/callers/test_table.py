"""Callers in memory, and several sources in turn."""

from hashlib import sha256

import pytest

from adapters.callers.chain import ChainedCallers
from adapters.callers.table import CallerTable, KnownCaller
from domain.model.caller import Caller
from domain.model.errors import Unauthenticated

ALICE, BOB = Caller("alice"), Caller("bob")
DIGEST = sha256(b"alice's token").digest()


def table(*known: KnownCaller, now_s: float = 0.0) -> CallerTable:
    made = CallerTable(wall_clock=lambda: now_s)
    made.replace(known)
    return made


async def test_a_caller_is_known_by_its_tokens_digest_and_by_its_subject() -> None:
    callers = table(
        KnownCaller(caller=ALICE, token_digest=DIGEST),
        KnownCaller(caller=BOB, client_subject="CN=bob"),
    )
    assert await callers.by_token_digest(DIGEST) is ALICE
    assert await callers.by_client_subject("CN=bob") is BOB
    assert await callers.by_client_subject("CN=alice") is None


async def test_the_whole_digest_decides() -> None:
    other = DIGEST[:-1] + bytes([DIGEST[-1] ^ 1])
    callers = table(
        KnownCaller(caller=ALICE, token_digest=DIGEST),
        KnownCaller(caller=BOB, token_digest=other),
    )
    assert await callers.by_token_digest(DIGEST) is ALICE
    assert await callers.by_token_digest(other) is BOB
    assert await callers.by_token_digest(DIGEST[:8]) is None
    assert await callers.by_token_digest(b"") is None


async def test_nobody_is_known_by_what_it_does_not_have() -> None:
    callers = table(
        KnownCaller(caller=ALICE, client_subject="CN=a"),
        KnownCaller(caller=BOB, token_digest=DIGEST),
    )
    assert await callers.by_token_digest(b"") is None
    assert await callers.by_client_subject("") is None


async def test_an_expired_caller_is_refused_from_that_moment_on() -> None:
    known = KnownCaller(caller=ALICE, token_digest=DIGEST, client_subject="CN=a", expires_s=100.0)
    assert await table(known, now_s=99.9).by_token_digest(DIGEST) is ALICE
    with pytest.raises(Unauthenticated, match=r"token .*expired"):
        await table(known, now_s=100.0).by_token_digest(DIGEST)
    with pytest.raises(Unauthenticated, match=r"certificate .*expired"):
        await table(known, now_s=100.0).by_client_subject("CN=a")


async def test_a_replaced_table_knows_the_new_callers_and_nobody_else() -> None:
    callers = table(KnownCaller(caller=ALICE, token_digest=DIGEST))
    callers.replace([KnownCaller(caller=BOB, client_subject="CN=bob")])
    assert await callers.by_token_digest(DIGEST) is None
    assert await callers.by_client_subject("CN=bob") is BOB


def test_taking_the_last_caller_away_does_not_open_the_door() -> None:
    callers, demanding = table(), []
    for known in ([], [KnownCaller(caller=ALICE, token_digest=DIGEST)], []):
        callers.replace(known)
        demanding.append(callers.demanding)
    assert demanding == [False, True, True]


def test_a_digest_is_in_no_repr() -> None:
    known = KnownCaller(caller=ALICE, token_digest=DIGEST)
    for text in (repr(known), repr(table(known))):
        assert repr(DIGEST)[2:10] not in text
        assert DIGEST.hex()[:8] not in text


async def test_sources_are_asked_in_turn_and_the_first_that_knows_decides() -> None:
    first = table(KnownCaller(caller=ALICE, token_digest=DIGEST, expires_s=0.0), now_s=1.0)
    second = table(
        KnownCaller(caller=BOB, token_digest=DIGEST, client_subject="CN=bob"),
    )
    with pytest.raises(Unauthenticated):
        await ChainedCallers((first, second)).by_token_digest(DIGEST)
    assert await ChainedCallers((second, first)).by_token_digest(DIGEST) is BOB
    assert await ChainedCallers((first, second)).by_client_subject("CN=bob") is BOB
    assert await ChainedCallers((first, second)).by_token_digest(bytes(32)) is None
    assert await ChainedCallers(()).by_client_subject("CN=bob") is None


async def test_a_revoked_caller_is_refused_and_told_so() -> None:
    known = KnownCaller(caller=ALICE, token_digest=DIGEST, client_subject="CN=a", revoked=True)
    with pytest.raises(Unauthenticated, match=r"token .*revoked"):
        await table(known).by_token_digest(DIGEST)
    with pytest.raises(Unauthenticated, match=r"certificate .*revoked"):
        await table(known).by_client_subject("CN=a")
