"""Our secret, should the provider say it where it names things, reaches nobody."""

from collections.abc import Sequence
from typing import Any

import pytest

from domain.model.events import ChatEvent, Finished, Started, TextDelta, UsageReported
from tests.support.http_calls import DONE, call, chunk, whole_body
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
