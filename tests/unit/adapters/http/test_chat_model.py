"""The driver over connections in memory: what callers see, and what becomes of the connection."""

import time
from email.utils import formatdate

import httpx
import pytest
import trio

from adapters.http.events import TURN
from adapters.http.exchange import HttpBounds
from domain.model.chat import Timeouts
from domain.model.errors import ChatError, ErrorReason, ModelUnknown, ProviderFailure
from domain.model.events import ChatEvent, Finished, Started, TextDelta, UsageReported
from ports.chat_model import ChatModel
from tests.support.http_calls import DONE, HELLO, call, chunk, cuts, whole_body
from tests.support.http_peer import (
    CHUNKED,
    LAST,
    SECRET,
    answering,
    answering_once,
    drained,
    far_model,
    head,
    model_over,
    piece,
    request_on,
    sized,
)

TEXTS = ["Hi ", "é"]


def texts(events: list[ChatEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


async def test_a_streamed_answer_is_given_as_it_comes() -> None:
    async with far_model(answering(CHUNKED, piece(HELLO), LAST)) as (model, _):
        events = await drained(model, call())
    assert texts(events) == TEXTS
    assert [type(event) for event in events] == [
        Started,
        TextDelta,
        TextDelta,
        UsageReported,
        Finished,
    ]


async def test_a_whole_answer_is_given_as_the_same_events() -> None:
    async with far_model(answering(sized(whole_body()))) as (model, _):
        events = await drained(model, call(whole=True))
    assert [type(event) for event in events] == [Started, TextDelta, Finished]


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_cuts_between_reads_do_not_matter(size: int) -> None:
    parts = [part for each in cuts(HELLO, size) for part in (piece(each), 0.001)]
    async with (
        far_model(answering(CHUNKED, *parts, LAST)) as (model, _),
        model.stream(call()) as stream,
    ):
        assert texts([event async for event in stream]) == TEXTS


async def test_a_connection_that_was_read_to_its_end_is_used_again() -> None:
    async with far_model(answering(CHUNKED, piece(HELLO), LAST)) as (model, far):
        for _ in range(3):
            await drained(model, call())
    assert len(far.streams) == 1


async def test_a_body_whose_end_comes_late_is_waited_for_a_moment_to_keep_the_connection() -> None:
    async with far_model(answering(CHUNKED, piece(HELLO), 0.01, LAST)) as (model, far):
        for _ in range(2):
            await drained(model, call())
    assert len(far.streams) == 1


async def test_finished_is_given_although_the_body_never_ends() -> None:
    async with far_model(answering(CHUNKED, piece(HELLO), 1e9)) as (model, far):
        assert isinstance((await drained(model, call()))[-1], Finished)
        assert far.all_closed


async def test_leaving_the_block_early_closes_the_connection_before_control_returns() -> None:
    async with far_model(answering(CHUNKED, piece(HELLO[:300]), 1e9)) as (model, far):
        async with model.stream(call()) as stream:
            await anext(stream)
            assert not far.all_closed
        assert far.all_closed


async def stumble(model: ChatModel) -> None:
    async with model.stream(call()) as stream:
        await anext(stream)
        raise ZeroDivisionError


async def test_an_error_in_the_block_closes_the_connection() -> None:
    async with far_model(answering(CHUNKED, piece(HELLO[:300]), 1e9)) as (model, far):
        with pytest.raises(ZeroDivisionError):
            await stumble(model)
        assert far.all_closed


async def test_a_body_that_breaks_off_after_content_is_a_truncated_stream() -> None:
    begun = chunk({"content": "Hi"})
    async with (
        far_model(answering_once(CHUNKED, piece(begun))) as (model, far),
        model.stream(call()) as stream,
    ):
        assert isinstance(await anext(stream), Started)
        assert await anext(stream) == TextDelta("Hi")
        with pytest.raises(ProviderFailure) as caught:
            await anext(stream)
        assert far.all_closed
    assert caught.value.reason is ErrorReason.PROVIDER_STREAM_TRUNCATED


async def test_a_body_that_breaks_off_before_content_is_a_failed_connection() -> None:
    async with far_model(answering_once(CHUNKED)) as (model, _), model.stream(call()) as stream:
        with pytest.raises(ProviderFailure) as caught:
            await anext(stream)
    assert caught.value.reason is ErrorReason.PROVIDER_CONNECTION_FAILED


async def test_a_clean_end_without_the_end_marker_is_a_truncated_stream() -> None:
    begun = chunk({"content": "Hi"})
    async with far_model(answering(CHUNKED, piece(begun), LAST)) as (model, _):
        with pytest.raises(ProviderFailure) as caught:
            await drained(model, call())
    assert caught.value.reason is ErrorReason.PROVIDER_STREAM_TRUNCATED


async def test_what_was_said_before_an_error_is_given_before_it() -> None:
    body = chunk({"content": "Hi"}) + chunk(error={"message": "no more", "code": 503})
    async with (
        far_model(answering(CHUNKED, piece(body), LAST)) as (model, _),
        model.stream(call()) as stream,
    ):
        assert isinstance(await anext(stream), Started)
        assert await anext(stream) == TextDelta("Hi")
        with pytest.raises(ProviderFailure, match="no more") as caught:
            await anext(stream)
    assert caught.value.reason is ErrorReason.PROVIDER_OVERLOADED


async def test_an_error_status_is_what_its_body_says_and_keeps_the_connection() -> None:
    body = b'{"error":{"message":"slow down","code":"slow_down"}}'
    refusal = sized(body, "429 Too Many Requests", retry_after="2", x_request_id="req-9")
    async with far_model(answering(refusal)) as (model, far):
        with pytest.raises(ProviderFailure, match="slow down"):
            await drained(model, call())
        with pytest.raises(ProviderFailure, match="slow down") as caught:
            await drained(model, call())
    error = caught.value
    assert (error.reason, error.retry_after_s) == (ErrorReason.PROVIDER_RATE_LIMITED, 2.0)
    assert (error.upstream_status, error.upstream_request_id) == (429, "req-9")
    assert len(far.streams) == 1


async def test_an_endless_error_body_is_cut_off() -> None:
    endless = [b"x" * 60_000] * 5
    async with far_model(answering(head("500 Oh"), *endless, 1e9)) as (model, far):
        with pytest.raises(ProviderFailure) as caught:
            await drained(model, call())
        assert far.all_closed
    assert caught.value.reason is ErrorReason.PROVIDER_SERVER_ERROR


async def test_an_unknown_model_is_the_callers_and_was_asked_for_upstream() -> None:
    body = b'{"error":{"message":"no such model","code":"model_not_found"}}'
    async with far_model(answering(sized(body, "404 Not Found"))) as (model, _):
        with pytest.raises(ModelUnknown) as caught:
            await drained(model, call())
    assert not caught.value.before_upstream


async def test_a_redirect_is_refused_and_not_followed() -> None:
    async with far_model(
        answering(sized(b"", "307 Temporary Redirect", location="http://evil.test/"))
    ) as (model, far):
        with pytest.raises(ProviderFailure, match="base_url") as caught:
            await drained(model, call())
    assert not caught.value.retryable
    assert len(far.streams) == 1


async def test_the_request_carries_the_credential_and_says_its_length() -> None:
    seen: list[bytes] = []

    async def handler(stream: trio.abc.Stream) -> None:
        seen.append(await request_on(stream) or b"")
        await stream.send_all(CHUNKED + piece(HELLO) + LAST)

    async with far_model(handler) as (model, _), model.stream(call()) as stream:
        async for _event in stream:
            pass
    start, _, body = seen[0].partition(b"\r\n\r\n")
    lines = start.split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert {b"host: far.test", b"authorization: Bearer " + SECRET.encode()} <= set(lines)
    assert b"content-length: %d" % len(body) in lines
    assert b'"stream":true' in body


async def test_our_secret_is_in_no_error_even_if_the_provider_says_it() -> None:
    body = f'{{"error":{{"message":"bad: {SECRET}"}}}}'.encode()
    async with far_model(answering(sized(body, "400 Bad Request"))) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call())
    assert "bad:" in caught.value.message
    assert SECRET not in str(caught.value) + caught.value.message + repr(caught.value)
    assert SECRET not in repr(model)


@pytest.mark.parametrize("padding", range(1_970, 2_001))
async def test_no_part_of_our_secret_is_left_where_a_message_is_cut(padding: int) -> None:
    body = f'{{"error":{{"message":"{"x" * padding}{SECRET}"}}}}'.encode()
    async with far_model(answering(sized(body, "400 Bad Request"))) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call())
    assert SECRET[:4] not in caught.value.message


async def test_our_secret_is_in_nothing_that_comes_from_a_header() -> None:
    refusal = sized(b"", "500 Oh", x_request_id=SECRET)
    async with far_model(answering(refusal)) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call())
    assert SECRET not in caught.value.upstream_request_id
    async with far_model(answering(sized(b"x", content_encoding=SECRET))) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call())
    assert SECRET not in caught.value.message


async def test_a_date_to_come_back_at_is_understood_without_the_providers_own_clock() -> None:
    later = formatdate(time.time() + 100, usegmt=True)
    refusal = sized(b"{}", "429 Too Many Requests", retry_after=later)
    async with far_model(answering(refusal)) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call())
    assert caught.value.retry_after_s is not None
    assert 90 < caught.value.retry_after_s <= 101


async def test_an_answer_that_is_no_http_is_nonsense_and_none_at_all_is_a_lost_connection() -> None:
    cases = {
        b"nonsense": ErrorReason.PROVIDER_PROTOCOL_ERROR,
        b"": ErrorReason.PROVIDER_CONNECTION_FAILED,
    }
    for said, reason in cases.items():
        async with far_model(answering_once(said)) as (model, _):
            with pytest.raises(ProviderFailure) as caught:
                await drained(model, call())
        assert caught.value.reason is reason


async def test_a_whole_answer_is_bounded() -> None:
    bounds = HttpBounds(body_bytes=1000)
    async with far_model(answering(head(), b"x" * 1001, 1e9), bounds=bounds) as (model, far):
        with pytest.raises(ProviderFailure, match="1000") as caught:
            await drained(model, call(whole=True))
        assert far.all_closed
    assert caught.value.reason is ErrorReason.PROVIDER_PROTOCOL_ERROR


@pytest.mark.parametrize("word", ["identity", "Identity ", ""])
async def test_an_answer_that_says_it_is_not_compressed_is_taken(word: str) -> None:
    async with far_model(answering(sized(HELLO, content_encoding=word))) as (model, _):
        assert isinstance((await drained(model, call()))[-1], Finished)


async def test_a_compressed_answer_is_refused() -> None:
    async with far_model(answering(sized(b"x", content_encoding="gzip"))) as (model, _):
        with pytest.raises(ProviderFailure, match="gzip"):
            await drained(model, call())


async def test_a_long_run_of_ready_events_lets_others_have_their_turn() -> None:
    body = b"".join(chunk({"content": str(index)}) for index in range(20 * TURN))
    body += chunk({}, "stop") + DONE
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with (
        far_model(answering(CHUNKED, piece(body), LAST)) as (model, far),
        model.stream(call()) as stream,
    ):
        await anext(stream)
        far.nursery.start_soon(other)
        before = turns
        async for _ in stream:
            pass
        # The other task begins in the first of them, and who of two is first in a turn is left to chance.
        assert turns - before >= 20 - 3


async def test_any_httpx_transport_will_do() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=HELLO))
    async with model_over(transport).stream(call()) as stream:
        assert texts([event async for event in stream]) == TEXTS


async def test_a_transport_that_reads_through_generators_is_left_in_order() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=HELLO))
    async with model_over(transport).stream(call()) as stream:
        await anext(stream)


async def test_a_call_that_asks_for_little_patience_gets_it(autojump_clock: object) -> None:
    hurried = call(timeouts=Timeouts(first_token_s=0.5))
    async with far_model(answering(CHUNKED, 1e9)) as (model, _), model.stream(hurried) as stream:
        with pytest.raises(ProviderFailure, match=r"0\.5 s"):
            await anext(stream)


@pytest.mark.parametrize("whole", [False, True])
async def test_an_error_status_is_told_however_short_the_patience_and_endless_its_body(
    autojump_clock: object, whole: bool
) -> None:
    hurried = call(whole=whole, timeouts=Timeouts(first_token_s=0.5))
    start_s = trio.current_time()
    async with far_model(answering(head("503 Oh"), b"sor", 1e9)) as (model, far):
        with pytest.raises(ProviderFailure) as caught:
            await drained(model, hurried)
        assert far.all_closed
    assert caught.value.upstream_status == 503
    assert caught.value.reason is not ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert trio.current_time() - start_s == pytest.approx(0.5)


@pytest.mark.parametrize("whole", [False, True])
async def test_a_head_that_never_comes_is_waited_for_no_longer_than_the_call_has_patience(
    autojump_clock: object, whole: bool
) -> None:
    hurried = call(whole=whole, timeouts=Timeouts(first_token_s=0.5))
    start_s = trio.current_time()
    async with far_model(answering(1e9)) as (model, far):
        with pytest.raises(ProviderFailure) as caught:
            await drained(model, hurried)
        assert far.all_closed
    assert caught.value.reason is ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN
    assert caught.value.upstream_status is None
    assert trio.current_time() - start_s == pytest.approx(0.5)
