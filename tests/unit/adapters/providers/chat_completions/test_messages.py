"""Conversations: every role and part, and what there is no place for."""

from typing import Any

import attrs
import pytest

from adapters.providers.chat_completions.dialect import ROLES_WITHOUT_DEVELOPER, Dialect
from adapters.providers.chat_completions.draft import Draft
from adapters.providers.chat_completions.messages import messages
from domain.model.caching import CacheControl
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
    UnsupportedParams,
)
from domain.model.json_value import JsonObject
from domain.model.model_info import Feature

OPENAI = Dialect(name="far", features=frozenset(Feature))
PLAIN = attrs.evolve(OPENAI, roles=ROLES_WITHOUT_DEVELOPER, refusal_part="text")


def mark(control: CacheControl) -> JsonObject:
    return {"mark": control.ttl_s}


MARKING = attrs.evolve(OPENAI, cache_mark=mark)


def wire(role: Role, *parts: ContentPart, dialect: Dialect = OPENAI, **fields: Any) -> Any:
    """Return the one message that a message becomes."""
    draft = Draft(dialect, UnsupportedParams.REJECT)
    (sent,) = messages([Message(role=role, parts=parts, **fields)], draft)
    assert draft.violations == []
    return sent


def refused(role: Role, *parts: ContentPart, dialect: Dialect = OPENAI, **fields: Any) -> list[str]:
    draft = Draft(dialect, UnsupportedParams.REJECT)
    messages([Message(role=role, parts=parts, **fields)], draft)
    return [each.field for each in draft.violations]


def content(part: ContentPart) -> Any:
    """Return the one part that a user's part becomes."""
    (sent,) = wire(Role.USER, part)["content"]
    return sent


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT])
def test_one_text_is_a_string(role: Role) -> None:
    assert wire(role, Text(text="a")) == {"role": role.value, "content": "a"}


def test_a_server_without_a_developer_takes_it_for_the_system() -> None:
    assert wire(Role.DEVELOPER, Text(text="a"), dialect=PLAIN)["role"] == "system"


def test_a_role_that_the_dialect_does_not_know_is_refused() -> None:
    mute = attrs.evolve(OPENAI, roles={})
    assert refused(Role.USER, Text(text="a"), dialect=mute) == ["messages[0].role"]


def test_several_texts_stay_apart() -> None:
    assert wire(Role.USER, Text(text="a"), Text(text="b"))["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


def test_a_participant_is_named() -> None:
    assert wire(Role.USER, Text(text="a"), name="ann")["name"] == "ann"


@pytest.mark.parametrize(
    ("media", "sent"),
    [
        (
            Media(mime_type="image/png", data=b"\x00"),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ),
        (
            Media(mime_type="image/png", uri="https://a/b"),
            {"type": "image_url", "image_url": {"url": "https://a/b"}},
        ),
        (Media(uri="https://a/b"), {"type": "image_url", "image_url": {"url": "https://a/b"}}),
        (
            Media(mime_type="audio/mpeg", data=b"\x00"),
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
        ),
        (
            Media(mime_type="audio/wav", data=b"\x00"),
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ),
        (
            Media(mime_type="application/pdf", data=b"\x00"),
            {
                "type": "file",
                "file": {
                    "filename": "file.pdf",
                    "file_data": "data:application/pdf;base64,AA==",
                },
            },
        ),
        (Media(file_id="f-1"), {"type": "file", "file": {"file_id": "f-1"}}),
    ],
    ids=["image", "image address", "address", "mp3", "wav", "document", "uploaded"],
)
def test_media(media: Media, sent: Any) -> None:
    assert content(media) == sent


@pytest.mark.parametrize(
    "media",
    [
        Media(mime_type="image/png", file_id="f-1"),
        Media(mime_type="audio/wav", uri="https://a/b"),
        Media(mime_type="audio/wav", file_id="f-1"),
        Media(mime_type="application/pdf", uri="https://a/b"),
    ],
    ids=repr,
)
def test_media_that_cannot_be_said_are_refused_by_their_path(media: Media) -> None:
    assert refused(Role.USER, Text(text="a"), media) == ["messages[0].parts[1].media"]


def test_an_assistant_that_called_tools_and_said_nothing() -> None:
    first = ToolCall(id="1", name="f", arguments_json='{"a":1}')
    sent = wire(Role.ASSISTANT, first, ToolCall(id="2", name="g", arguments_json=""))
    assert sent == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }


def test_thoughts_are_left_out_since_there_is_no_place_for_them() -> None:
    thought = Reasoning(text="hm", provider="far")
    assert wire(Role.ASSISTANT, thought, Text(text="a"))["content"] == "a"
    assert wire(Role.ASSISTANT, thought)["content"] == ""


def test_an_earlier_refusal_is_what_the_server_can_read() -> None:
    assert wire(Role.ASSISTANT, Refusal(text="no"))["content"] == [
        {"type": "refusal", "refusal": "no"}
    ]
    assert wire(Role.ASSISTANT, Refusal(text="no"), dialect=PLAIN)["content"] == "no"


def test_each_tool_result_is_a_message_of_its_own() -> None:
    turns = [
        Message(
            role=Role.TOOL,
            parts=(
                ToolResult(tool_call_id="1", content=(Text(text="a"),)),
                ToolResult(tool_call_id="2", content=(Text(text="b"), Text(text="c"))),
                ToolResult(tool_call_id="3"),
            ),
        )
    ]
    assert messages(turns, Draft(OPENAI, UnsupportedParams.REJECT)) == [
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {
            "role": "tool",
            "tool_call_id": "2",
            "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "c"}],
        },
        {"role": "tool", "tool_call_id": "3", "content": ""},
    ]


def test_a_failed_tool_says_so_in_its_text() -> None:
    def failed(*parts: ContentPart) -> Any:
        result = ToolResult(tool_call_id="1", content=parts, is_error=True)
        return wire(Role.TOOL, result)["content"]

    assert failed(Text(text="no disk")) == "Error: no disk"
    assert failed() == "Error"
    assert [part["text"] for part in failed(Text(text="a"), Text(text="b"))] == ["Error: a", "b"]


def test_what_has_no_place_in_a_tools_result_is_refused_by_its_path() -> None:
    result = ToolResult(
        tool_call_id="1",
        content=(Text(text="a"), Media(mime_type="image/png", data=b"x"), Reasoning(text="b")),
    )
    assert refused(Role.TOOL, result) == [
        "messages[0].parts[0].tool_result.content[1]",
        "messages[0].parts[0].tool_result.content[2]",
    ]


def test_a_tool_result_among_other_parts_is_refused() -> None:
    assert refused(Role.USER, ToolResult(tool_call_id="1")) == ["messages[0].parts[0]"]
    assert refused(Role.TOOL, Text(text="a")) == ["messages[0].parts[0]"]


CACHED = CacheControl(ttl_s=60.0)


def test_breakpoints_are_put_on_their_parts() -> None:
    part = Text(text="a", cache_control=CACHED)
    assert wire(Role.USER, part, dialect=MARKING)["content"] == [
        {"type": "text", "text": "a", "mark": 60.0}
    ]
    sent = wire(Role.USER, Text(text="a"), Text(text="b"), dialect=MARKING, cache_control=CACHED)
    assert [each.get("mark") for each in sent["content"]] == [None, 60.0]
    result = ToolResult(tool_call_id="1", cache_control=CACHED)
    assert wire(Role.TOOL, result, dialect=MARKING)["content"][0]["mark"] == 60.0
    called = ToolCall(id="1", name="f", arguments_json="{}", cache_control=CACHED)
    assert wire(Role.ASSISTANT, called, dialect=MARKING)["tool_calls"][0]["mark"] == 60.0


def test_a_breakpoint_without_a_place_is_refused_by_its_path() -> None:
    part = Text(text="a", cache_control=CACHED)
    assert refused(Role.USER, part) == ["messages[0].parts[0].cache_control"]
    assert refused(Role.USER, Text(text="a"), cache_control=CACHED) == ["messages[0].cache_control"]
    called = ToolCall(id="1", name="f", arguments_json="{}")
    assert refused(Role.ASSISTANT, called, dialect=MARKING, cache_control=CACHED) == [
        "messages[0].cache_control"
    ]


def test_a_breakpoint_on_a_message_of_results_stands_on_the_last_of_them() -> None:
    results = [ToolResult(tool_call_id=each, content=(Text(text=each),)) for each in "ab"]
    turn = Message(role=Role.TOOL, parts=tuple(results), cache_control=CacheControl(ttl_s=60))
    first, last = messages([turn], Draft(MARKING, UnsupportedParams.REJECT))
    assert first["content"] == "a"
    assert last["content"] == [{"type": "text", "text": "b", "mark": 60}]


def test_a_breakpoint_with_nothing_to_stand_on_is_refused_once() -> None:
    control = CacheControl(ttl_s=60)
    assert refused(Role.USER, dialect=MARKING, cache_control=control) == [
        "messages[0].cache_control"
    ]
    assert refused(Role.USER, cache_control=control) == ["messages[0].cache_control"]
