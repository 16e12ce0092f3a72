"""An answer goes back as the API gave it: thoughts with their proof, calls with their results."""

import json

from domain.model.chat import Message, Role, Text, ToolResult
from domain.model.response import fold
from domain.model.tools import Tool
from tests.contract.anthropic.reading import CODEC, HERE, OK, call, play

QUESTION = Message(role=Role.USER, parts=(Text(text="How is the weather?"),))
TOOLS = (Tool(name="weather"),)


def test_a_call_is_answered_and_its_answer_read() -> None:
    first = call(messages=(QUESTION,), tools=TOOLS)
    body = (HERE / "transcripts" / "everything.sse").read_bytes()
    answer = fold(play([body], first)).message
    results = Message(
        role=Role.TOOL,
        parts=(
            ToolResult(tool_call_id="toolu_01", content=(Text(text="rain"),)),
            ToolResult(tool_call_id="toolu_02", is_error=True),
        ),
    )
    second = call(messages=(QUESTION, answer, results), tools=TOOLS)
    sent = json.loads(CODEC.encode(second).body)
    assert sent["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {
                    "type": "thinking",
                    "thinking": "Zwei Städte, zwei Aufrufe.",
                    "signature": "EqQBCkYIBxgCKkB+/=",
                },
                {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4a"},
                {"type": "text", "text": 'Ich sehe nach 🌦️ \u2013 東京 und "Köln".'},
                {
                    "type": "tool_use",
                    "id": "toolu_01",
                    "name": "weather",
                    "input": {"city": "Tōkyō"},
                },
                {
                    "type": "tool_use",
                    "id": "toolu_02",
                    "name": "weather",
                    "input": {"city": "Köln"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_01",
                    "content": [{"type": "text", "text": "rain"}],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_02",
                    "content": [{"type": "text", "text": "Error"}],
                    "is_error": True,
                },
            ],
        },
    ]
    final = fold(play([(HERE / "transcripts" / "framing.sse").read_bytes()], second))
    assert final.content == "Wort"


def test_a_whole_answer_goes_back_like_a_streamed_one() -> None:
    body = (HERE / "transcripts" / "whole.json").read_bytes()
    answer = fold(CODEC.whole(call(), OK, body)).message
    results = Message(
        role=Role.TOOL,
        parts=(ToolResult(tool_call_id="toolu_2"), ToolResult(tool_call_id="toolu_1")),
    )
    wire = CODEC.encode(call(messages=(QUESTION, answer, results), tools=TOOLS))
    # Byte for byte: the arguments keep their order and spelling.
    assert b'"input":{"b":[1,2.5],"a":null}' in wire.body
    assert json.loads(wire.body)["messages"][1]["content"][:2] == [
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "aGlk"},
    ]
