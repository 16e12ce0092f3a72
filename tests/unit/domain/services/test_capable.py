"""What a model does not take is refused, or dropped with a warning; never silently lost."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import attrs
import pytest

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Media, Message, Role, UnsupportedParams
from domain.model.errors import InvalidRequest
from domain.model.events import CallWarning, ChatEvent, WarningRaised
from domain.model.model_info import Feature, ModelInfo
from domain.services.routes import Routes
from tests.support.core_model import ANSWER, STARTED, Upstream, ask, drain, question

PLAIN = ModelInfo(provider="upstream", model="plain", features=frozenset())
TUNED = attrs.evolve(question(), temperature=0.5, top_p=0.9, stop=("x",))
IMAGE = Media(mime_type="image/png", data=b"png")


@attrs.define
class Described(Upstream):
    """One whose only model is that of `told`."""

    told: ModelInfo = PLAIN

    def info(self, model: str, /) -> ModelInfo:
        """Return what it takes."""
        return self.told


def taken(
    upstream: Described, info: ModelInfo, call: ChatCall
) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
    upstream.told = info
    return Routes({"": upstream}).stream(call)


def lenient(request: ChatRequest) -> ChatRequest:
    return attrs.evolve(request, unsupported_params=UnsupportedParams.WARN_AND_DROP)


def with_image(request: ChatRequest) -> ChatRequest:
    return attrs.evolve(request, messages=(Message(role=Role.USER, parts=(IMAGE,)),))


async def refusal(request: ChatRequest, info: ModelInfo = PLAIN) -> list[str]:
    upstream = Described()
    with pytest.raises(InvalidRequest) as caught:
        async with taken(upstream, info, ask(request)):
            pytest.fail("the block must not be entered")
    assert upstream.opened == 0
    return [each.field for each in caught.value.violations]


async def test_every_part_that_is_not_taken_is_refused_by_its_path() -> None:
    assert await refusal(with_image(TUNED)) == [
        "temperature",
        "top_p",
        "stop",
        "messages[0].parts[0]",
    ]


async def test_a_refusal_names_the_model_and_the_feature() -> None:
    with pytest.raises(InvalidRequest, match=r"top_k: .*upstream/plain"):
        async with taken(Described(), PLAIN, ask(attrs.evolve(question(), top_k=3))):
            pytest.fail("the block must not be entered")


async def test_a_refusal_says_what_to_do_where_something_can_be_done() -> None:
    asked = with_image(attrs.evolve(question(), seed=3, presence_penalty=1.0))
    with pytest.raises(InvalidRequest) as caught:
        async with taken(Described(), PLAIN, ask(asked)):
            pytest.fail("the block must not be entered")
    unsupported = "is not supported by upstream/plain"
    remedy = "leave it out, or set unsupported_params to WARN_AND_DROP"
    assert [each.description for each in caught.value.violations] == [
        f"{unsupported}: {remedy}",
        f"{unsupported} (penalties): {remedy}",
        f"{unsupported} (images)",
    ]


async def test_what_is_dropped_is_exactly_what_is_not_taken() -> None:
    upstream = Described()
    info = attrs.evolve(PLAIN, features=frozenset({Feature.TOP_P}))
    async with taken(upstream, info, ask(lenient(TUNED))) as events:
        await drain(events)
    (call,) = upstream.calls
    assert call.request == attrs.evolve(lenient(TUNED), temperature=None, stop=())


async def test_warnings_come_right_after_the_start() -> None:
    async with taken(Described(), PLAIN, ask(lenient(TUNED))) as events:
        seen = await drain(events)
    assert seen == [
        STARTED,
        *(
            WarningRaised(
                CallWarning("PARAM_DROPPED", f"{field} is not supported by upstream/plain")
            )
            for field in ("temperature", "top_p", "stop")
        ),
        *ANSWER[1:],
    ]


async def test_content_is_refused_even_where_parameters_may_be_dropped() -> None:
    assert await refusal(lenient(with_image(TUNED))) == ["messages[0].parts[0]"]


@pytest.mark.parametrize("policy", UnsupportedParams)
async def test_what_is_taken_passes_untouched(policy: UnsupportedParams) -> None:
    upstream = Described()
    call = ask(attrs.evolve(with_image(TUNED), unsupported_params=policy))
    info = attrs.evolve(PLAIN, features=frozenset(Feature))
    async with taken(upstream, info, call) as events:
        assert await drain(events) == list(ANSWER)
    assert upstream.calls == [call]


async def test_the_lean_call_is_still_the_same_call() -> None:
    upstream, call = Described(), ask(lenient(TUNED), request_id="mine")
    async with taken(upstream, PLAIN, call):
        pass
    assert upstream.calls[0].request_id == "mine"
    assert upstream.calls[0].ledger is call.ledger


async def test_a_medium_that_does_not_show_its_kind_is_refused_with_the_remedy() -> None:
    where = Media(uri="https://x.test/thing")
    request = attrs.evolve(question(), messages=(Message(role=Role.USER, parts=(where,)),))
    seeing = attrs.evolve(PLAIN, features=frozenset({Feature.IMAGES}))
    with pytest.raises(InvalidRequest, match="whether it is a picture") as caught:
        async with taken(Described(), seeing, ask(request)):
            pytest.fail("the block must not be entered")
    (violation,) = caught.value.violations
    assert violation.field == "messages[0].parts[0].media.mime_type"
