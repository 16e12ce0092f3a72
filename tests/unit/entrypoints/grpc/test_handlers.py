"""The services' methods: translate, call, translate back."""

import pytest

from domain.model.call import ChatCall, Delivery
from domain.model.errors import InvalidRequest, ModelUnknown, ProviderFailure
from domain.model.events import TextDelta
from domain.services.route import Routed
from domain.services.service import Service
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from entrypoints.grpc.handlers import LLMHandlers, ModelHandlers
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.core_call import Sent, server_call
from tests.support.core_model import STARTED, SlowLog, Upstream

HELLO = pb.LLMRequest(model="upstream/m", messages=[pb.ChatMessage(role="user", content="hello")])


def service(upstream: Upstream) -> Service:
    settled = Settled(upstream, "upstream", SlowLog())
    return Service(Routed({"upstream": Stacked(upstream, settled)}))


def streamed(sent: Sent) -> list[pb.LLMStreamResponse]:
    return [pb.LLMStreamResponse.FromString(each) for each in sent.payloads]


async def test_a_whole_answer_is_returned_and_not_streamed_on_the_way() -> None:
    upstream, call = Upstream(), server_call(request_id="call-1")
    handlers = LLMHandlers(service(upstream), wall_clock=lambda: 1_700_000_000.0)
    response = await handlers.Invoke(HELLO, call)
    assert (response.content, response.finish_reason) == ("Hello world", pb.FINISH_REASON_STOP)
    assert response.created.seconds == 1_700_000_000
    assert [each.outcome for each in response.attempts] == [pb.ATTEMPT_OUTCOME_SERVED]
    assert upstream.calls[0].delivery is Delivery.WHOLE


async def test_a_stream_is_sent_from_its_start_to_its_finish() -> None:
    upstream, sent = Upstream(), Sent()
    await LLMHandlers(service(upstream)).InvokeStream(HELLO, server_call(sent=sent))
    messages = streamed(sent)
    assert [each.type for each in messages] == [
        pb.STREAM_EVENT_TYPE_START,
        pb.STREAM_EVENT_TYPE_CONTENT_DELTA,
        pb.STREAM_EVENT_TYPE_CONTENT_DELTA,
        pb.STREAM_EVENT_TYPE_FINISH,
    ]
    assert [each.sequence for each in messages] == [0, 1, 2, 3]
    assert "".join(each.content for each in messages) == "Hello world"
    assert upstream.calls[0].delivery is Delivery.STREAMED


async def test_all_is_said_when_the_finish_is_sent_and_not_before() -> None:
    said: list[bool] = []

    class Noting(Sent):
        def send(self, stream_id: int, data: bytes) -> int:
            said.append(call.said_all)
            return super().send(stream_id, data)

    call = server_call(sent=Noting())
    await LLMHandlers(service(Upstream())).InvokeStream(HELLO, call)
    assert said == [False, False, False, True]


async def test_a_stream_that_just_stops_is_an_error_and_has_no_finish() -> None:
    sent = Sent()
    handlers = LLMHandlers(service(Upstream([STARTED, TextDelta("half")])))
    call = server_call(sent=sent)
    with pytest.raises(ProviderFailure):
        await handlers.InvokeStream(HELLO, call)
    assert not call.said_all
    assert [each.type for each in streamed(sent)] == [
        pb.STREAM_EVENT_TYPE_START,
        pb.STREAM_EVENT_TYPE_CONTENT_DELTA,
    ]


async def test_nothing_is_sent_ahead_of_a_refusal() -> None:
    upstream, sent = Upstream(), Sent()
    with pytest.raises(InvalidRequest):
        await LLMHandlers(service(upstream)).InvokeStream(pb.LLMRequest(), server_call(sent=sent))
    assert (sent.payloads, upstream.opened) == ([], 0)


async def test_whoever_tells_the_end_knows_the_call_and_what_was_tried() -> None:
    call = server_call(request_id="call-1", sent=Sent())
    await LLMHandlers(service(Upstream())).InvokeStream(HELLO, call)
    assert isinstance(call.context, ChatCall)
    assert call.context.request_id == "call-1"
    assert len(call.context.ledger.attempts) == 1


async def test_models_are_listed_for_all_or_for_one_provider() -> None:
    handlers = ModelHandlers(service(Upstream(declared=("a", "b"))))
    for request in (pb.ListModelsRequest(), pb.ListModelsRequest(provider="upstream")):
        response = await handlers.ListModels(request, server_call())
        assert [(each.provider, each.model) for each in response.models] == [
            ("upstream", "a"),
            ("upstream", "b"),
        ]
    with pytest.raises(ModelUnknown):
        await handlers.ListModels(pb.ListModelsRequest(provider="nobody"), server_call())
