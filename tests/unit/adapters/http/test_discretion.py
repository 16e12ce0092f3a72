"""Our secret, should the provider say it where it names things, reaches nobody."""

from collections.abc import Sequence
from typing import Any

import attrs
import orjson
import pytest

from adapters.http.endpoint import Credential
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import ChatEvent, Finished, Started, TextDelta, UsageReported
from tests.support.http_calls import DONE, call, chunk, event, whole_body
from tests.support.http_peer import (
    CHUNKED,
    LAST,
    SECRET,
    Part,
    answering,
    drained,
    far_model,
    piece,
    sized,
)

HIDDEN = "[hidden]"
ECHOING: dict[str, Any] = {
    "id": f"chatcmpl-{SECRET}",
    "model": f"m-{SECRET}",
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "seen": {SECRET: [SECRET]}},
}
STREAMED = (
    CHUNKED,
    piece(chunk({"content": "Hi"}, **ECHOING)),
    piece(chunk({}, SECRET, **ECHOING) + DONE),
    LAST,
)
WHOLE = (sized(whole_body({"content": "Hi"}, SECRET, **ECHOING)),)


async def heard(parts: Sequence[Part], whole: bool) -> list[ChatEvent]:
    async with far_model(answering(*parts)) as (model, _):
        return await drained(model, call(whole=whole))


@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "whole"])
async def test_what_names_the_answer_its_end_and_its_cost_holds_no_secret(whole: bool) -> None:
    events = await heard(WHOLE if whole else STREAMED, whole)
    assert SECRET not in repr(events)
    started, finished = events[0], events[-1]
    assert isinstance(started, Started)
    assert (started.id, started.model) == (f"chatcmpl-{HIDDEN}", f"m-{HIDDEN}")
    assert isinstance(finished, Finished)
    assert finished.native_reason == HIDDEN
    assert finished.usage.input_tokens == 7
    raw = finished.usage.raw
    assert raw is not None
    assert raw["seen"] == {HIDDEN: [HIDDEN]}
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hi"]
    reported = [event for event in events if isinstance(event, UsageReported)]
    assert bool(reported) is not whole


async def test_what_holds_no_secret_is_given_as_it_came() -> None:
    body = (chunk({"content": "Hi"}), chunk({}, "stop", usage={"prompt_tokens": 7}) + DONE)
    events = await heard((CHUNKED, *map(piece, body), LAST), whole=False)
    assert isinstance(events[0], Started)
    assert events[0].id == "chatcmpl-1"
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.raw == {"prompt_tokens": 7}


@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "whole"])
@pytest.mark.parametrize("word", ["lm-studio", "content", "x", "null", "choices"])
async def test_a_key_that_is_a_word_tears_no_answer_apart(word: str, whole: bool) -> None:
    said = {"content": f"Say {word}."}
    streamed = (CHUNKED, piece(chunk(said)), piece(chunk({}, "stop", usage=None) + DONE), LAST)
    parts = (sized(whole_body(said)),) if whole else streamed
    async with far_model(answering(*parts)) as (model, _):
        open_ = attrs.evolve(model.endpoint, credential=Credential("k", word))
        events = await drained(attrs.evolve(model, endpoint=open_), call(whole=whole))
    assert TextDelta(f"Say {word}.", 0) in events


async def test_an_error_is_understood_whatever_word_the_key_is() -> None:
    body = b'{"error":{"message":"slow down","type":"error","code":"rate_limit_exceeded"}}'
    async with far_model(answering(sized(body, "429 No"))) as (model, _):
        open_ = attrs.evolve(model.endpoint, credential=Credential("k", "error"))
        with pytest.raises(ChatError, match="slow down") as caught:
            await drained(attrs.evolve(model, endpoint=open_), call())
    assert caught.value.reason is ErrorReason.PROVIDER_RATE_LIMITED


@pytest.mark.parametrize("padding", [1_985, 1_990, 1_995, 1_998])
@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "whole"])
async def test_no_part_of_it_is_left_where_an_error_inside_an_answer_is_cut(
    padding: int, whole: bool
) -> None:
    error = {"error": {"message": "." * padding + SECRET}, "id": SECRET}
    parts = (sized(orjson.dumps(error)),) if whole else (CHUNKED, piece(event(error)), LAST)
    async with far_model(answering(*parts)) as (model, _):
        with pytest.raises(ChatError) as caught:
            await drained(model, call(whole=whole))
    assert caught.value.message.strip(".") in ("…", f"{HIDDEN}…", f"{HIDDEN}")
    assert SECRET not in caught.value.upstream_request_id
