"""Every call has a request id."""

import re

import pytest
import trio

from entrypoints.grpc.identity import identified
from entrypoints.grpc.transport.call import ServerCall
from tests.support.core_call import server_call


async def named(*metadata: tuple[str, str | bytes]) -> str:
    """Return the id of a call; the handler and the reply must have the same."""
    call = server_call(metadata)
    seen: list[str] = []

    async def handler(inner: ServerCall) -> None:
        await trio.lowlevel.checkpoint()
        assert inner is call
        seen.append(inner.request_id)

    await identified(call, handler)
    headers = dict(call.initial_headers())
    assert seen == [call.request_id] == [headers[b"x-request-id"].decode()]
    return call.request_id


@pytest.mark.parametrize("offered", ["x", "!~", "a" * 128, "req-1/2:3", "0" * 32])
async def test_a_fit_id_is_kept(offered: str) -> None:
    assert await named(("other", "z"), ("x-request-id", offered)) == offered


@pytest.mark.parametrize(
    "offered", ["", " ", "a b", "a" * 129, "é", "a\n", "\x7f", "a\tb"], ids=ascii
)
async def test_an_unfit_id_is_replaced(offered: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", await named(("x-request-id", offered)))


async def test_bytes_are_no_id() -> None:
    assert re.fullmatch("[0-9a-f]{32}", await named(("x-request-id", b"mine")))


async def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    first, second = await named(), await named()
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


async def test_the_first_of_several_ids_counts() -> None:
    assert await named(("x-request-id", "one"), ("x-request-id", "two")) == "one"
