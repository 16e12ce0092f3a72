"""Who gets to see the token."""

from collections.abc import Callable

import pytest
import trio

from entrypoints.client.client import connect
from entrypoints.client.errors import CallFailed
from entrypoints.client.target import Target
from entrypoints.client.token import Bearer, checked_token, refuse_readable
from entrypoints.client.way import prepared
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.call import ServerCall
from tests.support.client_server import server

REQUEST = pb.LLMRequest(model="m")
SECRET = "s3cret-token"


def _said(message: pb.LLMRequest, call: ServerCall) -> pb.LLMResponse:
    return pb.LLMResponse(content=str(dict(call.metadata).get("authorization")))


def changing() -> Callable[[], str]:
    tokens = iter(("one", "two"))
    return lambda: next(tokens)


async def test_every_call_says_it() -> None:
    async with server(_said) as target, connect(target, token=SECRET) as client:
        assert (await client.invoke(REQUEST)).content == f"Bearer {SECRET}"


async def test_it_may_change_between_calls() -> None:
    async with server(_said) as target, connect(target, token=changing()) as client:
        assert (await client.invoke(REQUEST)).content == "Bearer one"
        assert (await client.invoke(REQUEST)).content == "Bearer two"


async def test_it_may_take_a_while_to_get() -> None:
    async def fetched() -> str:
        await trio.lowlevel.checkpoint()
        return SECRET

    async with server(_said) as target, connect(target, token=fetched) as client:
        assert (await client.invoke(REQUEST)).content == f"Bearer {SECRET}"


@pytest.mark.parametrize("target", ["host.example", "10.0.0.1:50051", "http://host.example"])
async def test_it_does_not_cross_the_network_in_plain_text(target: str) -> None:
    with pytest.raises(ValueError, match="plain text") as caught:
        async with connect(target, token=SECRET):
            raise AssertionError
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "secure"),
    [("127.0.0.1", False), ("localhost", False), ("unix:/run/a", False), ("host.example", True)],
)
def test_it_goes_where_nobody_else_reads(target: str, secure: bool) -> None:
    refuse_readable(Target.parse(target), secure=secure)


def test_whoever_says_so_may_send_it_in_plain_text() -> None:
    assert prepared("host.example", token=SECRET, plain_token=True).bearer is not None


@pytest.mark.parametrize("token", ["", "two words", "line\r\nbreak", "ümlaut", "=a"])
def test_what_cannot_be_sent_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent") as caught:
        checked_token(token)
    assert not token or token not in str(caught.value)


async def test_it_is_in_no_repr_and_no_failure() -> None:
    assert SECRET not in repr(Bearer(SECRET))
    assert SECRET not in repr(prepared("localhost", token=SECRET, plain_token=False))

    def refuse(message: pb.LLMRequest, call: ServerCall) -> pb.LLMResponse:
        raise RuntimeError

    async with server(refuse) as target, connect(target, token=SECRET) as client:
        assert SECRET not in repr(client)
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST)
    assert SECRET not in repr(caught.value) + str(vars(caught.value))
