"""The driver and its transport, cancelled at every await: no connection is left, and no place among them
is lost.

Every scenario allows one connection: were its place lost, the call after the cancelled one would wait
for ever.
"""

from collections.abc import Sequence

import pytest
import trio

from adapters.http.chat_model import HttpChatModel
from adapters.http.transport.direct import DirectTransport
from adapters.http.transport.pool import Limits
from domain.model.call import ChatCall
from domain.model.errors import ProviderFailure
from domain.model.events import ChatEvent, Finished
from tests.support.core_cancel import Cut, cancel_at_every_await
from tests.support.http_calls import HELLO, call, whole_body
from tests.support.http_peer import (
    CHUNKED,
    LAST,
    Far,
    Part,
    answering,
    answering_once,
    far_model,
    piece,
    sized,
)

ONE = Limits(connections=1)
PAUSED: Sequence[Part] = (
    *(0.1, CHUNKED, 0.1, piece(HELLO[:150])),
    *(0.1, piece(HELLO[150:]), 0.01, LAST),
)
WHOLE: Sequence[Part] = (0.1, sized(whole_body())[:60], 0.1, sized(whole_body())[60:])
REFUSED: Sequence[Part] = (0.1, sized(b"no", "500 Oh")[:-1], 0.1, b"o")
BROKEN: Sequence[Part] = (0.1, CHUNKED, 0.1, piece(HELLO[:150]))


async def outcome(model: HttpChatModel, asked: ChatCall) -> ChatEvent | ProviderFailure:
    """Return how a call ends; it must end within a minute."""
    with trio.fail_after(60):
        try:
            async with model.stream(asked) as stream:
                return [event async for event in stream][-1]
        except ProviderFailure as error:
            return error


def assert_nothing_is_lost(model: HttpChatModel, far: Far) -> None:
    """Every open connection is known, and there are no more than allowed."""
    assert isinstance(model.transport, DirectTransport)
    still_open = {id(stream) for stream in far.streams if not stream.closed}
    assert {id(connection.stream) for connection in model.transport.opened} == still_open
    assert len(still_open) <= 1


@pytest.mark.parametrize(
    ("parts", "whole", "ends"),
    [
        (PAUSED, False, Finished),
        (WHOLE, True, Finished),
        (REFUSED, False, ProviderFailure),
    ],
    ids=["streamed", "whole", "refused"],
)
def test_a_cancelled_call_loses_nothing(parts: Sequence[Part], whole: bool, ends: type) -> None:
    async def scenario(cut: Cut) -> None:
        async with far_model(answering(*parts), limits=ONE, connect_s=0.1) as (model, far):
            with cut.here():
                await outcome(model, call(whole=whole))
            assert_nothing_is_lost(model, far)
            assert isinstance(await outcome(model, call(whole=whole)), ends)
            assert_nothing_is_lost(model, far)
        assert far.all_closed

    cancel_at_every_await(scenario, at_least=8)


def test_a_cancelled_wait_for_a_place_takes_none() -> None:
    async def scenario(cut: Cut) -> None:
        async with far_model(answering(*PAUSED), limits=ONE) as (model, far):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(outcome, model, call())
                await trio.sleep(0.05)
                with cut.here():
                    await outcome(model, call())
            assert isinstance(await outcome(model, call()), Finished)
            assert_nothing_is_lost(model, far)
        assert far.all_closed

    cancel_at_every_await(scenario, at_least=8)


def test_a_cancelled_use_of_a_kept_connection_leaves_none_that_is_out_of_step() -> None:
    async def scenario(cut: Cut) -> None:
        async with far_model(answering(*PAUSED), limits=ONE) as (model, far):
            assert isinstance(await outcome(model, call()), Finished)
            with cut.here():
                await outcome(model, call())
            assert isinstance(await outcome(model, call()), Finished)
            assert_nothing_is_lost(model, far)
        assert far.all_closed

    cancel_at_every_await(scenario, at_least=6)


def test_cancelling_while_a_broken_connection_is_dropped_loses_no_place() -> None:
    async def scenario(cut: Cut) -> None:
        async with far_model(answering_once(*BROKEN), limits=ONE) as (model, far):
            with cut.here():
                await outcome(model, call())
            assert isinstance(await outcome(model, call()), ProviderFailure)
            assert far.all_closed

    cancel_at_every_await(scenario, at_least=4)


def test_closing_the_transport_while_cancelled_closes_every_connection() -> None:
    async def scenario(cut: Cut) -> None:
        seen: list[Far] = []
        with cut.here():
            async with far_model(answering(*PAUSED)) as (model, far):
                seen.append(far)
                await outcome(model, call())
        assert all(far.all_closed for far in seen)

    cancel_at_every_await(scenario, at_least=6)
