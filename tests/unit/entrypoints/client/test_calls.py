"""Calls on the real transport: what a caller can rely on."""

import anyio
import attrs
import pytest
import trio
from purerpc import RpcFailedError, Status, StatusCode

from domain.model.errors import ErrorReason, ServiceFailure
from entrypoints.client.client import Client, connect
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.call import ServerCall
from tests.support.client_server import FINISH, delta, server

REQUEST = pb.LLMRequest(model="m")

pytestmark = pytest.mark.usefixtures("both_engines")


@attrs.define
class Endless:
    """Streams until it is cancelled, and says that it was."""

    gone: trio.Event = attrs.field(factory=trio.Event)
    text: str = "x"
    running: int = 0

    async def __call__(self, message: pb.LLMRequest, call: ServerCall) -> None:
        self.running += 1
        try:
            while True:
                await call.send(delta(self.text))
                await trio.lowlevel.checkpoint()
        finally:
            self.running -= 1
            self.gone.set()


def _echo(message: pb.LLMRequest, call: ServerCall) -> pb.LLMResponse:
    return pb.LLMResponse(content=message.model)


async def _two(message: pb.LLMRequest, call: ServerCall) -> None:
    await call.send(delta("a"))
    await call.send(delta("b", 1))
    await call.send(FINISH)


async def _sleep(message: pb.LLMRequest, call: ServerCall) -> None:
    await trio.sleep_forever()


async def test_a_whole_answer() -> None:
    async with server(_echo) as target, connect(target) as client:
        assert (await client.invoke(REQUEST)).content == "m"
        assert [each.provider for each in await client.list_models("here")] == ["here"]


async def test_a_streamed_answer_ends_after_finish() -> None:
    async with (
        server(_two) as target,
        connect(target) as client,
        client.invoke_stream(REQUEST) as events,
    ):
        assert [each.content async for each in events] == ["a", "b", ""]
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_leaving_a_stream_ends_it_on_the_server() -> None:
    endless = Endless()
    async with server(endless) as target, connect(target) as client:
        async with client.invoke_stream(REQUEST) as events:
            await anext(events)
            assert endless.running == 1
        with trio.fail_after(15):
            await endless.gone.wait()
        assert (await client.list_models())[0].model == "m"


async def test_a_cancelled_caller_ends_its_call_on_the_server() -> None:
    endless = Endless()
    async with server(endless) as target, connect(target) as client:
        with anyio.move_on_after(0.1) as scope:
            async with client.invoke_stream(REQUEST) as events:
                async for _ in events:
                    pass
        assert scope.cancelled_caught
        with trio.fail_after(15):
            await endless.gone.wait()


async def _raise_within(client: Client) -> None:
    async with client.invoke_stream(REQUEST) as events:
        await anext(events)
        raise LookupError


async def test_a_caller_that_raises_ends_its_call_on_the_server() -> None:
    endless = Endless()
    async with server(endless) as target, connect(target) as client:
        with pytest.raises(LookupError):
            await _raise_within(client)
        with trio.fail_after(15):
            await endless.gone.wait()


async def test_many_calls_share_one_connection() -> None:
    peers: set[str] = set()

    async def handler(message: pb.LLMRequest, call: ServerCall) -> None:
        peers.add(call.peer)
        for number in range(50):
            await call.send(delta(message.model, number))
        await call.send(FINISH)

    async def ask(model: str) -> None:
        async with client.invoke_stream(pb.LLMRequest(model=model)) as events:
            texts = [each.content async for each in events]
        assert texts == [model] * 50 + [""]

    async with server(handler) as target, connect(target) as client, trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(ask, str(number))
    assert len(peers) == 1


async def test_a_slow_reader_holds_only_its_own_stream() -> None:
    endless = Endless(text="x" * 10_000)
    async with (
        server(endless) as target,
        connect(target) as client,
        client.invoke_stream(REQUEST) as slow,
    ):
        await anext(slow)
        async with client.invoke_stream(REQUEST) as quick:
            for _ in range(200):
                await anext(quick)
        for _ in range(200):
            await anext(slow)


async def test_abandoned_streams_do_not_use_up_the_connection() -> None:
    endless = Endless(text="x" * 50_000)
    async with server(endless) as target, connect(target) as client:
        with trio.fail_after(20):
            # Together far more than the connection's window.
            for _ in range(60):
                async with client.invoke_stream(REQUEST) as events:
                    await anext(events)
                    await trio.sleep(0.002)
            async with client.invoke_stream(REQUEST) as events:
                for _ in range(100):
                    await anext(events)


async def test_a_message_larger_than_the_window_comes_through() -> None:
    def handler(message: pb.LLMRequest, call: ServerCall) -> pb.LLMResponse:
        return pb.LLMResponse(content="x" * 6_000_000)

    async with server(handler) as target, connect(target) as client:
        with trio.fail_after(10):
            assert len((await client.invoke(REQUEST)).content) == 6_000_000


async def test_a_message_beyond_the_limit_is_refused() -> None:
    def handler(message: pb.LLMRequest, call: ServerCall) -> pb.LLMResponse:
        return pb.LLMResponse(content="x" * (17 * 1024 * 1024))

    async with server(handler) as target, connect(target) as client:
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST)
        assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED
        assert (await client.list_models())[0].model == "m"


async def test_the_server_is_told_how_long_it_has() -> None:
    told: list[float | None] = []

    def handler(message: pb.LLMRequest, call: ServerCall) -> pb.LLMResponse:
        told.append(call.head.timeout_s)
        return pb.LLMResponse()

    async with server(handler) as target, connect(target) as client:
        await client.invoke(REQUEST)
        await client.invoke(REQUEST, timeout_s=5)
        with anyio.fail_after(3):
            await client.invoke(REQUEST, timeout_s=5)
    assert told[0] is None
    assert 4 < (told[1] or 0) <= 5
    assert 2 < (told[2] or 0) <= 3


async def test_the_deadline_is_kept_here_too() -> None:
    async with server(_sleep) as target, connect(target) as client:
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST, timeout_s=0.05)
        assert caught.value.code is StatusCode.DEADLINE_EXCEEDED
        async with client.invoke_stream(REQUEST, timeout_s=0.05) as events:
            with pytest.raises(CallFailed) as caught:
                await anext(events)
    assert caught.value.code is StatusCode.DEADLINE_EXCEEDED
    assert caught.value.reason == "CALLER_DEADLINE"


async def test_metadata_goes_both_ways() -> None:
    async def handler(message: pb.LLMRequest, call: ServerCall) -> None:
        call.set_initial_metadata(("x-request-id", "r1"))
        call.set_trailing_metadata(("x-raw-bin", bytes(range(256))))
        assert ("x-one", "1") in call.metadata
        await call.send(FINISH)

    async with (
        server(handler) as target,
        connect(target) as client,
        client.invoke_stream(REQUEST, metadata=[("x-one", "1")]) as events,
    ):
        await anext(events)
        assert events.request_id == "r1"
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        assert events.trailing_metadata == (("x-raw-bin", bytes(range(256))),)


async def test_metadata_that_cannot_be_sent_is_the_callers_mistake() -> None:
    async with server(_echo) as target, connect(target) as client:
        with pytest.raises(ValueError, match="x-one"):
            await client.invoke(REQUEST, metadata=[("x-one", "\n")])
        assert (await client.invoke(REQUEST)).content == "m"


async def test_a_failure_after_some_events_comes_after_them() -> None:
    async def handler(message: pb.LLMRequest, call: ServerCall) -> None:
        call.set_initial_metadata(("x-request-id", "r1"))
        await call.send(delta("half"))
        raise ServiceFailure("no more", ErrorReason.SERVICE_OVERLOADED)

    async with (
        server(handler) as target,
        connect(target) as client,
        client.invoke_stream(REQUEST) as events,
    ):
        await trio.sleep(0.05)
        assert (await anext(events)).content == "half"
        with pytest.raises(CallFailed) as caught:
            await anext(events)
    assert caught.value.code is StatusCode.UNAVAILABLE
    assert caught.value.reason == "SERVICE_OVERLOADED"
    assert caught.value.request_id == "r1"
    assert ("x-request-id", "r1") in caught.value.initial_metadata


async def test_a_stream_without_finish_is_not_complete() -> None:
    async def handler(message: pb.LLMRequest, call: ServerCall) -> None:
        await call.send(delta("half"))

    async with (
        server(handler) as target,
        connect(target) as client,
        client.invoke_stream(REQUEST) as events,
    ):
        await anext(events)
        with pytest.raises(CallFailed, match="without FINISH") as caught:
            await anext(events)
    assert caught.value.code is StatusCode.INTERNAL


async def test_a_plain_status_needs_no_details() -> None:
    def handler(message: pb.LLMRequest, call: ServerCall) -> None:
        raise RpcFailedError(Status(StatusCode.ABORTED, "späť\n100 %"))

    async with server(handler) as target, connect(target) as client:
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST)
    assert (caught.value.code, caught.value.message) == (StatusCode.ABORTED, "späť\n100 %")


async def test_nothing_outlives_the_block() -> None:
    async with server(_two) as target:
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        async with connect(target) as client, client.invoke_stream(REQUEST) as events:
            await anext(events)
        # The server's tasks for the connection end when it sees the client's end.
        with trio.fail_after(15):
            while trio.lowlevel.current_statistics().tasks_living > before:
                await trio.testing.wait_all_tasks_blocked()


async def test_a_call_after_the_block_fails_in_order() -> None:
    async with server(_echo) as target:
        async with connect(target) as client:
            await client.invoke(REQUEST)
        with pytest.raises(CallFailed) as caught:
            await client.invoke(REQUEST)
    assert caught.value.code is StatusCode.UNAVAILABLE


async def test_an_error_in_the_block_comes_out_as_itself() -> None:
    async with server(_echo) as target:
        with pytest.raises(LookupError):
            async with connect(target):
                raise LookupError


async def test_it_runs_on_asyncio_as_well() -> None:
    async def main(target: str) -> None:
        async with connect(target) as client:
            async with client.invoke_stream(REQUEST) as events:
                assert [each.content async for each in events] == ["a", "b", ""]
            assert (await client.list_models())[0].model == "m"
            async with client.invoke_stream(REQUEST) as events:
                await anext(events)
        with pytest.raises(CallFailed, match="cannot connect"):
            async with connect("127.0.0.1:1"):
                raise AssertionError

    async with server(_two) as target:
        await trio.to_thread.run_sync(lambda: anyio.run(main, target, backend="asyncio"))


async def test_a_cancel_at_any_moment_is_quick_and_leaves_nothing() -> None:
    async with server(_two) as target:
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for step in range(150):
            with trio.fail_after(0.9):
                with anyio.move_on_after(step * 5e-5):
                    async with connect(target) as client, client.invoke_stream(REQUEST) as events:
                        async for _ in events:
                            pass
        with trio.fail_after(15):
            while trio.lowlevel.current_statistics().tasks_living > before:
                await trio.testing.wait_all_tasks_blocked()
