"""How parts become blocks."""

import base64
from typing import Any

import pytest

from domain.model.chat import Media, Reasoning, Role, Text, ToolCall, ToolResult
from tests.unit.adapters.providers.anthropic.asking import (
    FIVE,
    assistant,
    body,
    encoded,
    refused,
    result,
    tool_use,
    turn,
    user,
)

PNG = b"\x89PNG"


def sent(part: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(user(part))["messages"][0]["content"][0]
    return found


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        (
            Media(mime_type="image/png", data=PNG),
            {
                "type": "image",
                "source": {
                    "type": "base64",
                    "media_type": "image/png",
                    "data": base64.b64encode(PNG).decode(),
                },
            },
        ),
        (
            Media(mime_type="IMAGE/JPG; q=1", data=b""),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": ""}},
        ),
        (
            Media(mime_type="application/pdf", data=b"%PDF"),
            {
                "type": "document",
                "source": {
                    "type": "base64",
                    "media_type": "application/pdf",
                    "data": "JVBERg==",
                },
            },
        ),
        (
            Media(mime_type="text/markdown", data="# é".encode()),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "# é"},
            },
        ),
        (
            Media(uri="https://x.test/cat"),
            {"type": "image", "source": {"type": "url", "url": "https://x.test/cat"}},
        ),
        (
            Media(uri="https://x.test/a.PDF?v=1"),
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.PDF?v=1"}},
        ),
        (
            Media(mime_type="application/pdf", uri="https://x.test/a"),
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a"}},
        ),
        (
            Media(mime_type="image/heic", file_id="file_1"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            Media(mime_type="text/plain", file_id="file_1"),
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_media_are_sent_in_the_form_they_have(part: Media, wanted: object) -> None:
    assert sent(part) == wanted


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/gif", "image/webp"])
def test_these_are_the_pictures_that_claude_reads(mime: str) -> None:
    assert sent(Media(mime_type=mime, data=PNG))["source"]["media_type"] == mime


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (Media(mime_type="image/tiff", data=b"x"), "media"),
        (Media(mime_type="text/plain", data=b"\xff"), "media"),
        (Media(data=b"x"), "media"),
        (Media(mime_type="audio/wav", uri="https://x.test/a"), "media.mime_type"),
        (Media(file_id="file_1"), "media.mime_type"),
        (Media(mime_type="text/plain", uri="https://x.test/a"), "media.uri"),
    ],
)
def test_what_claude_cannot_read_is_refused(part: Media, field: str) -> None:
    found = refused(user(part))
    assert set(found) >= {f"messages[0].parts[0].{field}"}


def test_a_refusal_says_what_is_missing_or_wrong() -> None:
    field = "messages[0].parts[0].media.mime_type"
    assert "is needed with file_id" in refused(user(Media(file_id="f")))[field]
    wrong = refused(user(Media(mime_type="audio/wav", file_id="f")))[field]
    assert wrong.startswith("is audio/wav; it reads image/jpeg")


def test_thoughts_go_back_only_to_whoever_thought_them_with_their_proof() -> None:
    parts = (
        Reasoning(text="mine", signature=b"c2ln", provider="anthropic"),
        Reasoning(signature=b"aGlk", redacted=True, provider="anthropic"),
        Reasoning(text="another's", signature=b"c2ln", provider="gemini"),
        Reasoning(text="nobody's", signature=b"c2ln"),
        Reasoning(text="without proof", provider="anthropic"),
    )
    assert body(user("a"), assistant(*parts, "b"), user("c"))["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "mine", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "aGlk"},
        {"type": "text", "text": "b"},
    ]


def test_a_proof_that_is_none_is_refused() -> None:
    broken = Reasoning(text="t", signature=b"\xff", provider="anthropic")
    found = refused(user("a"), assistant(broken), user("b"))
    assert set(found) == {"messages[1].parts[0].reasoning.signature"}


def test_arguments_are_sent_byte_for_byte() -> None:
    messages = (user("a"), assistant(tool_use("x", '{"b" : 1.0,  "a": "\\u00e9"}')), result("x"))
    assert b'"input":{"b" : 1.0,  "a": "\\u00e9"}' in encoded(*messages).body


def test_no_arguments_are_an_empty_object() -> None:
    sent = body(user("a"), assistant(tool_use("x", "")), result("x"))
    assert sent["messages"][1]["content"][0]["input"] == {}


@pytest.mark.parametrize("arguments", ["[1]", "{", "null"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    found = refused(user("a"), assistant(tool_use("x", arguments)), result("x"))
    assert set(found) == {"messages[1].parts[0].tool_call.arguments_json"}


@pytest.mark.parametrize("id_", ["functions.f:0", "", "ü", "x" * 129])
def test_ids_that_the_api_cannot_read_are_replaced_alike_in_call_and_result(id_: str) -> None:
    call = ToolCall(id=id_, name="f", arguments_json="{}")
    sent = body(user("a"), assistant(call), result(id_))["messages"]
    new = sent[1]["content"][0]["id"]
    assert new == sent[2]["content"][0]["tool_use_id"] != id_
    assert new.startswith("call_")
    assert new.removeprefix("call_").isalnum()
    assert new == body(user("a"), assistant(call), result(id_))["messages"][1]["content"][0]["id"]


def answered(*content: Any, **fields: Any) -> dict[str, Any]:
    part = ToolResult(tool_call_id="x", content=content, **fields)
    sent = body(user("a"), assistant(tool_use("x")), turn(Role.TOOL, part))
    found: dict[str, Any] = sent["messages"][2]["content"][0]
    return found


def test_a_result_holds_text_and_media() -> None:
    found = answered(Text(text="see"), Text(text=""), Media(mime_type="image/png", data=PNG))
    assert [piece["type"] for piece in found["content"]] == ["text", "image"]
    assert "is_error" not in found


def test_a_result_may_be_empty_but_a_failure_says_something() -> None:
    assert "content" not in answered()
    assert answered(is_error=True)["content"] == [{"type": "text", "text": "Error"}]
    assert answered(Text(text="no"), is_error=True) == {
        "type": "tool_result",
        "tool_use_id": "x",
        "content": [{"type": "text", "text": "no"}],
        "is_error": True,
    }


def test_a_result_holds_nothing_else() -> None:
    part = ToolResult(tool_call_id="x", content=(tool_use("y"),))
    found = refused(user("a"), assistant(tool_use("x")), turn(Role.TOOL, part))
    assert set(found) == {"messages[2].parts[0].tool_result.content[0]"}


def test_a_breakpoint_inside_a_result_stands_on_the_result() -> None:
    found = answered(Text(text="a", cache_control=FIVE), Text(text="b"))
    assert found["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert all("cache_control" not in piece for piece in found["content"])
