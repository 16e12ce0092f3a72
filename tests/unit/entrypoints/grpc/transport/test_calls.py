"""Calls that go well: what a handler says is what its client hears."""

from collections.abc import AsyncIterator

import trio
from google.protobuf.wrappers_pb2 import BytesValue
from purerpc import RpcFailedError, Status, StatusCode

from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Step
from tests.support.grpc_play import playing, request_headers
from tests.support.grpc_service import Ends, Handler, dispatcher, payload


def echo(message: BytesValue, request: ServerCall) -> BytesValue:
    return message


async def thrice(message: BytesValue, request: ServerCall) -> None:
    for _ in range(3):
        await request.send(message)


async def joined(messages: AsyncIterator[BytesValue], request: ServerCall) -> BytesValue:
    return payload(b"".join([each.value async for each in messages]))


async def mirrored(messages: AsyncIterator[BytesValue], request: ServerCall) -> None:
    async for each in messages:
        await request.send(each)


ALL: dict[str, Handler] = {"Unary": echo, "Out": thrice, "In": joined, "Both": mirrored}


async def test_a_unary_call_is_answered(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        reply = await play.client.call("Unary", b"hi")
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"hi"]
        assert reply.closed == 0


async def test_a_stream_comes_out_in_order(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        reply = await play.client.call("Out", b"hi")
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"hi"] * 3


async def test_a_stream_goes_in_until_the_client_half_closes(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        reply = await play.client.call("In", b"a", ended=False)
        await play.client.send(reply, b"b", b"c")
        await play.client.send(reply, b"d", ended=True)
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"abcd"]


async def test_both_sides_talk_in_turn(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        reply = await play.client.call("Both", ended=False)
        for count, value in enumerate((b"a", b"b", b"c"), 1):
            await play.client.send(reply, value)
            await reply.until(lambda reply: len(reply.messages) == count)  # noqa: B023
        assert reply.closed is None
        await play.client.send(reply, ended=True)
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"a", b"b", b"c"]


async def test_an_empty_stream_is_a_stream(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        reply = await play.client.call("Both")
        assert await reply.code() is StatusCode.OK
        assert reply.messages == []


async def test_an_empty_message_is_a_message(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        reply = await play.client.call("Unary", b"")
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b""]


async def test_a_whole_unary_answer_leaves_in_one_write(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        await (await play.client.call("Unary", b"first")).end()
        writes = play.count_writes()
        assert await (await play.client.call("Unary", b"hi")).code() is StatusCode.OK
        assert len(writes) == 1


async def test_metadata_goes_both_ways(engine: str) -> None:
    seen: list[object] = []

    def handler(message: BytesValue, request: ServerCall) -> BytesValue:
        seen.append((request.metadata, request.peer))
        request.set_initial_metadata(("x-early", "e"), ("x-early-bin", b"\x00\xff"))
        request.set_trailing_metadata(("x-late", "l"), ("x-late-bin", b"\x01"))
        return message

    async with playing(dispatcher({"Unary": handler}), engine) as play:
        metadata = [(b"x-text", b"t"), (b"x-raw-bin", b"AP8"), (b"x-text", b"again")]
        reply = await play.client.call("Unary", b"", metadata=metadata)
        ended = await reply.end()
        assert seen == [
            ((("x-text", "t"), ("x-raw-bin", b"\x00\xff"), ("x-text", "again")), "client:1")
        ]
        assert reply.trailers != reply.headers
        assert dict(reply.headers)[b"x-early"] == b"e"
        assert dict(reply.headers)[b"x-early-bin"] == b"AP8"
        assert ended is not None
        assert ended.metadata == (("x-late", "l"), ("x-late-bin", b"\x01"))


async def test_the_status_a_handler_raises_passes_through(engine: str) -> None:
    message = " \t\npercent % ü ☺ 😈 \udc80 "

    def handler(_: BytesValue, request: ServerCall) -> BytesValue:
        raise RpcFailedError(Status(StatusCode.DATA_LOSS, message))

    async with playing(dispatcher({"Unary": handler}), engine) as play:
        ended = await (await play.client.call("Unary", b"")).end()
        assert ended is not None
        assert ended.code is StatusCode.DATA_LOSS
        assert ended.message == message.replace("\udc80", "?")


async def test_a_failure_after_messages_is_told_behind_them(engine: str) -> None:
    async def handler(message: BytesValue, request: ServerCall) -> None:
        await request.send(message)
        raise RpcFailedError(Status(StatusCode.ABORTED, "enough"))

    async with playing(dispatcher({"Out": handler}), engine) as play:
        reply = await play.client.call("Out", b"hi")
        assert await reply.code() is StatusCode.ABORTED
        assert reply.messages == [b"hi"]


async def test_an_unknown_method_or_service_is_unimplemented(engine: str) -> None:
    async with playing(dispatcher(ALL), engine) as play:
        for path in ("/test.Kinds/Missing", "/no.Such/Unary"):
            reply = await play.client.open(request_headers(path=path))
            assert await reply.code() is StatusCode.UNIMPLEMENTED


async def test_handlers_in_purerpcs_own_style_work_and_are_closed(engine: str) -> None:
    closed: list[str] = []

    async def out(message: BytesValue) -> AsyncIterator[BytesValue]:  # noqa: ASYNC124, ASYNC900 - purerpc's style
        try:
            while True:
                yield message
        finally:
            closed.append("out")

    async def both(messages: AsyncIterator[BytesValue]) -> AsyncIterator[BytesValue]:  # noqa: ASYNC124, ASYNC900 - purerpc's style
        async for each in messages:
            yield each
        closed.append("both")

    async with playing(dispatcher({"Out": out, "Both": both}), engine) as play:
        reply = await play.client.call("Both", b"a", b"b")
        assert await reply.code() is StatusCode.OK
        assert reply.messages == [b"a", b"b"]
        endless = await play.client.call("Out", b"x")
        await endless.until(lambda reply: len(reply.messages) >= 2)
        await play.client.cancel(endless)
    assert closed == ["both", "out"]


async def test_what_comes_first_is_done_in_turn_and_may_refuse_the_call(engine: str) -> None:
    seen: list[str] = []

    def step(name: str) -> Step:
        async def done(call: ServerCall) -> None:
            await trio.lowlevel.checkpoint()
            seen.append(f"{name} {call.head.method}")

        return done

    def guard(call: ServerCall) -> None:
        if ("x-key", "right") not in call.metadata:
            raise RpcFailedError(Status(StatusCode.UNAUTHENTICATED, "no key"))

    def unary(message: BytesValue, request: ServerCall) -> BytesValue:
        seen.append("handler")
        return message

    served = dispatcher({**ALL, "Unary": unary}, first=[step("a"), guard, step("b")])
    async with playing(served, engine) as play:
        refused = await play.client.call("Unary", b"")
        assert await refused.code() is StatusCode.UNAUTHENTICATED
        assert seen == ["a Unary"]
        seen.clear()
        right = await play.client.call("Unary", b"", metadata=[(b"x-key", b"right")])
        assert await right.code() is StatusCode.OK
    assert seen == ["a Unary", "b Unary", "handler"]


async def test_every_end_is_told_once(engine: str) -> None:
    ends = Ends()
    async with playing(dispatcher(ALL, ends), engine) as play:
        await (await play.client.call("Unary", b"")).end()
        await (await play.client.call("In", b"")).end()
        waiting = await play.client.call("In", b"", ended=False)
        await play.client.cancel(waiting)
    codes = [None if each is None else each.code for each in ends.statuses]
    assert codes == [StatusCode.OK, StatusCode.OK, None]
