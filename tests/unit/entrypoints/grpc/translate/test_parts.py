"""Messages and their parts, both ways."""

import pytest
from hypothesis import given, settings

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
from domain.model.errors import FieldViolation
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.translate.parts import message_of, message_pb, part_pb
from tests.support.core_pb import chat_messages

PARTS: tuple[ContentPart, ...] = (
    Text(text="hello"),
    Text(text=""),
    Media(mime_type="image/png", data=b"png"),
    Media(mime_type="image/png", data=b""),
    Media(mime_type="image/png", uri="https://x/y"),
    Media(file_id="file-1"),
    Media(),
    ToolCall(id="c", name="f", arguments_json="{}", signature=b"\x00\xff"),
    ToolResult(
        tool_call_id="c",
        content=(Text(text="a"), Media(uri="https://x"), ToolResult(tool_call_id="d")),
        is_error=True,
        name="f",
    ),
    Reasoning(text="hm", signature=b"s", redacted=True, provider="anthropic"),
    Refusal(text="no"),
    Refusal(text=""),
)


def read(message: pb.ChatMessage) -> tuple[Message, list[FieldViolation]]:
    wrong: list[FieldViolation] = []
    return message_of(message, "messages[0]", wrong), wrong


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__ + str(hash(part)))
def test_a_part_survives_the_wire(part: ContentPart) -> None:
    message = Message(role=Role.ASSISTANT, parts=(part,), name="n")
    there = pb.ChatMessage.FromString(message_pb(message).SerializeToString())
    assert read(there) == (message, [])


def test_every_kind_of_part_of_the_wire_is_tried_here() -> None:
    tried = {part_pb(part).WhichOneof("part") for part in PARTS}
    assert tried == {
        field.name for field in pb.ContentPart.DESCRIPTOR.oneofs_by_name["part"].fields
    }


@pytest.mark.parametrize("role", Role)
def test_a_role_survives_the_wire(role: Role) -> None:
    message = Message(role=role, parts=(Text(text="x"),))
    assert read(message_pb(message)) == (message, [])


def drop_idle_marks(marked: pb.ChatMessage | pb.ContentPart) -> None:
    """Drop the breakpoints that ask for nothing, everywhere: the core does not keep them."""
    if marked.HasField("cache_control") and not marked.cache_control.use_cache:
        marked.ClearField("cache_control")
    inner = marked.parts if isinstance(marked, pb.ChatMessage) else marked.tool_result.content
    for each in inner:
        drop_idle_marks(each)


@settings(max_examples=200)
@given(chat_messages)
def test_any_message_survives_both_ways_or_is_refused_by_path(message: pb.ChatMessage) -> None:
    found, wrong = read(message)
    assert all(each.field.startswith("messages[0]") and each.description for each in wrong)
    if wrong:
        return
    plain = pb.ChatMessage()
    plain.CopyFrom(message)
    drop_idle_marks(plain)
    if message.content:  # sugar for one text part
        plain.content = ""
        plain.parts.add(text=message.content)
    assert message_pb(found) == plain


def test_content_is_sugar_for_one_text_part() -> None:
    assert read(pb.ChatMessage(role="user", content="hi")) == (
        Message(role=Role.USER, parts=(Text(text="hi"),)),
        [],
    )


def test_content_beside_parts_is_refused() -> None:
    _, wrong = read(pb.ChatMessage(role="user", content="a", parts=[pb.ContentPart(text="b")]))
    assert [each.field for each in wrong] == ["messages[0].content"]


@pytest.mark.parametrize("role", ["", "User", "USER", "robot", "function"])
def test_a_role_that_is_none_is_refused_with_those_there_are(role: str) -> None:
    _, (violation,) = read(pb.ChatMessage(role=role, content="x"))
    assert violation.field == "messages[0].role"
    assert "system, developer, user, assistant, tool" in violation.description


def test_an_empty_part_is_named_where_it_is() -> None:
    result = pb.ToolResult(content=[pb.ContentPart(text="x"), pb.ContentPart()])
    _, wrong = read(pb.ChatMessage(role="tool", parts=[pb.ContentPart(tool_result=result)]))
    assert [each.field for each in wrong] == ["messages[0].parts[0].tool_result.content[1]"]
