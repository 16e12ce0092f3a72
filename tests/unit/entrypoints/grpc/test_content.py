"""What a log that was told to keep content says of it."""

from collections.abc import AsyncIterator, Sequence

import attrs
import pytest

from domain.model.call import ChatCall
from domain.model.chat import (
    ContentPart,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.events import ChatEvent, ReasoningDelta, TextDelta
from entrypoints.grpc.content import Content
from tests.support.core_model import question


@attrs.define
class Events(AsyncIterator[ChatEvent]):
    _left: list[ChatEvent]

    async def __anext__(self) -> ChatEvent:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


def content(most: int = 100) -> Content:
    return Content(lambda text: text.replace("secret", "[hidden]"), most)


def asked(*turns: tuple[Role, Sequence[ContentPart]]) -> ChatCall:
    messages = tuple(Message(role=role, parts=tuple(parts)) for role, parts in turns)
    return ChatCall(request=attrs.evolve(question(), messages=messages))


async def test_a_stream_is_passed_on_whole_and_its_beginning_kept() -> None:
    call = asked((Role.USER, [Text(text="why?")]))
    events: list[ChatEvent] = [
        ReasoningDelta(text="thought"),
        *(TextDelta(text=f"{number:03} ") for number in range(500)),
    ]
    kept = content()
    passed = [event async for event in kept.heard(call, Events(list(events)))]
    assert passed == events
    answer = str(kept.fields(call)["answer"])
    assert answer.startswith("000 001 ")
    assert (len(answer), answer[-1]) == (100, "…")
    assert sum(map(len, call.ledger.said or ())) < 1_000


def test_every_kind_of_part_is_said_and_media_only_named() -> None:
    call = asked(
        (Role.SYSTEM, [Text(text="be kind")]),
        (
            Role.ASSISTANT,
            [Reasoning(text="hm"), ToolCall(id="1", name="look", arguments_json="{}")],
        ),
        (Role.TOOL, [ToolResult(tool_call_id="1", content=(Text(text="found"),))]),
        (Role.USER, [Media(mime_type="image/png", data=b"png"), Refusal(text="no")]),
    )
    assert content(1_000).fields(call) == {
        "question": "system: be kind\nassistant: [reasoning][look({})]\ntool: [result found]\n"
        "user: [image/png]no",
        "answer": None,
    }


def test_of_a_long_conversation_the_newest_is_kept() -> None:
    turns = [(Role.USER, [Text(text=f"message {number}")]) for number in range(100)]
    said = str(content(60).fields(asked(*turns))["question"])
    assert "message 99" in said
    assert "message 0" not in said


@pytest.mark.parametrize("before", range(80, 101))
def test_a_secret_at_the_cut_is_hidden_before_it_is_cut(before: int) -> None:
    call = asked((Role.USER, [Text(text="x" * (before - 6) + "secret" * 20)]))
    said = str(content().fields(call)["question"])
    assert len(said) <= 100
    assert "sec" not in said
