"""The whole service, in process."""

import anyio
import attrs
import pytest
from trio.testing import MockClock

from domain.model.call import Delivery
from domain.model.chat import ChatRequest, Media, Message, Role
from domain.model.errors import ErrorReason, InvalidRequest, ProviderFailure, ServiceFailure
from domain.model.events import FinishReason, TextDelta
from domain.model.usage import AttemptOutcome
from domain.policy.drain import DrainBounds
from domain.services.drains import open_drains
from domain.services.route import Routed
from domain.services.route_embedding import EmbeddingRouted
from domain.services.service import Service
from domain.services.settle import Settled
from domain.services.stacked import Stacked
from domain.services.stage import open_stage
from ports.chat_model import ChatModel
from tests.support.core_model import (
    ANSWER,
    STARTED,
    SlowLog,
    Upstream,
    ask,
    drain,
    question,
)


def service(upstream: Upstream) -> Service:
    return Service(Routed({"upstream": upstream}))


def test_the_service_has_the_one_shape() -> None:
    model: ChatModel = service(Upstream())
    assert callable(model.stream)


async def test_a_stream_passes_through() -> None:
    upstream = Upstream()
    async with service(upstream).stream(ask(question())) as events:
        assert await drain(events) == list(ANSWER)
    assert upstream.calls[0].delivery is Delivery.STREAMED
    assert upstream.closed == 1


async def test_a_whole_answer_is_not_streamed_on_the_way() -> None:
    upstream, call = Upstream(), ask(question())
    response = await service(upstream).answer(call)
    assert (response.content, response.finish_reason) == ("Hello world", FinishReason.STOP)
    assert upstream.calls[0].delivery is Delivery.WHOLE
    assert call.delivery is Delivery.STREAMED
    assert upstream.closed == 1


async def test_a_call_that_is_whole_already_is_asked_as_it_is() -> None:
    upstream = Upstream()
    call = attrs.evolve(ask(question()), delivery=Delivery.WHOLE)
    assert (await service(upstream).answer(call)).content == "Hello world"
    assert upstream.calls[0].delivery is Delivery.WHOLE


async def test_all_that_is_wrong_is_named_at_once_and_nothing_is_tried() -> None:
    upstream = Upstream()
    nonsense = ChatRequest(model="", messages=(), temperature=float("nan"), top_k=0)
    with pytest.raises(InvalidRequest) as caught:
        await service(upstream).answer(ask(nonsense))
    fields = [each.field for each in caught.value.violations]
    assert fields == ["model", "messages", "temperature", "top_k"]
    assert all(field in caught.value.message for field in fields)
    assert upstream.opened == 0


def test_nonsense_is_refused_before_the_model_is_looked_up() -> None:
    with pytest.raises(InvalidRequest):
        service(Upstream()).stream(ask(ChatRequest(model="nobody/x", messages=())))


async def test_an_answer_that_just_stops_is_no_answer() -> None:
    with pytest.raises(ServiceFailure) as caught:
        await service(Upstream([STARTED, TextDelta("half")])).answer(ask(question()))
    assert caught.value.reason is ErrorReason.SERVICE_INTERNAL


async def test_what_ended_the_call_comes_out_as_itself() -> None:
    broken = ProviderFailure("broken", ErrorReason.PROVIDER_OVERLOADED)
    with pytest.raises(ProviderFailure) as caught:
        await service(Upstream([STARTED, broken])).answer(ask(question()))
    assert caught.value is broken


async def test_a_settled_answer_names_its_attempt() -> None:
    upstream, log, call = Upstream(), SlowLog(), ask(question())
    stacked = Stacked(upstream, Settled(upstream, "upstream", log))
    response = await Service(Routed({"upstream": stacked})).answer(call)
    (attempt,) = response.attempts
    assert attempt.outcome is AttemptOutcome.SERVED
    assert [record.attempt for record in log.records] == [attempt] == call.ledger.attempts


def test_models_are_those_of_the_house() -> None:
    it = service(Upstream(declared=("a", "b")))
    assert [each.model for each in it.models()] == ["a", "b"]
    assert it.models("upstream") == it.models()


async def test_a_stack_answers_through_its_top_and_knows_what_its_provider_knows() -> None:
    bottom, top = Upstream(declared=("a",), only_declared=True), Upstream()
    stacked = Stacked(bottom, top)
    async with stacked.stream(ask()) as events:
        assert await drain(events) == list(ANSWER)
    assert (bottom.opened, top.opened) == (0, 1)
    assert stacked.name == bottom.name
    assert stacked.models() == bottom.models()
    assert stacked.info("a") == bottom.info("a")
    assert stacked.info("b") is None


async def test_what_a_medium_is_is_found_out_before_anything_is_asked() -> None:
    upstream = Upstream()
    picture = Media(data=b"\x89PNG\r\n\x1a\n")
    asked = attrs.evolve(question(), messages=(Message(role=Role.USER, parts=(picture,)),))
    async with service(upstream).stream(ask(asked)) as events:
        await drain(events)
    (call,) = upstream.calls
    assert call.request.messages[0].parts == (attrs.evolve(picture, mime_type="image/png"),)


def test_a_service_that_reads_nothing_on_has_no_end_to_set() -> None:
    service(Upstream()).end_by(0.0)


async def test_what_is_read_on_ends_when_the_service_is_told_to(autojump_clock: MockClock) -> None:
    bugs: list[Exception] = []
    began_s = anyio.current_time()
    async with open_drains(DrainBounds(), 1_000.0, bugs.append) as drains:
        with anyio.CancelScope() as scope:
            assert drains.admit(scope)
            Service(Routed({}), EmbeddingRouted({}), drains).end_by(began_s + 3.0)
            await anyio.sleep_forever()
        drains.dismiss(scope)
    assert anyio.current_time() == began_s + 3.0
    assert bugs == []


async def test_a_service_that_goes_away_holds_no_answer_from_now_on() -> None:
    async with open_stage(_never) as stage:
        Service(Routed({}), EmbeddingRouted({}), None, None, stage).end_by(0.0)
        assert not stage.holds


def _never(error: Exception) -> None:
    raise error
