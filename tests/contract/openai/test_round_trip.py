"""A call that OpenAI makes is answered, and its answer read."""

import json

from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from domain.model.chat import JsonSchemaFormat, Message, Role, Text, ToolResult
from domain.model.events import UsageReported
from domain.model.tools import Tool
from tests.contract.openai.test_answers import CONTRACT
from tests.support.chat_contract import a_call, folded

CODEC = openai_codec(OpenAIConfig())
QUESTION = Message(role=Role.USER, parts=(Text(text="How is the weather, and when?"),))
TOOLS = (Tool(name="weather"), Tool(name="now"))
SCHEMA = '{"type": "object", "required": ["b", "a"], "properties": {"b": {}, "a": {"const": 1e3}}}'


def test_a_call_is_answered_and_its_answer_read() -> None:
    first = a_call("gpt-4o", messages=(QUESTION,), tools=TOOLS)
    transcripts = CONTRACT.here / "transcripts"
    decoder = CODEC.decoder(first, CONTRACT.head(transcripts / "x", {}))
    calls = [*decoder.feed((transcripts / "parallel-tools.sse").read_bytes()), *decoder.end()]
    answer = folded(calls)
    results = Message(
        role=Role.TOOL,
        parts=(
            ToolResult(tool_call_id="call_a", content=(Text(text="rain"),)),
            ToolResult(tool_call_id="call_b", is_error=True, content=(Text(text="no clock"),)),
        ),
    )
    second = a_call("gpt-4o", messages=(QUESTION, answer, results), tools=TOOLS)
    assert json.loads(CODEC.encode(second).body)["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"K\\u00f6ln"}'},
                },
                {
                    "id": "call_b",
                    "type": "function",
                    "function": {"name": "now", "arguments": "{}"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_a", "content": "rain"},
        {"role": "tool", "tool_call_id": "call_b", "content": "Error: no clock"},
    ]
    decoder = CODEC.decoder(second, CONTRACT.head(transcripts / "x", {}))
    last = folded([*decoder.feed((transcripts / "text.sse").read_bytes()), *decoder.end()])
    assert last.parts == (Text(text="Grüße, 東京 🌦️\u2028\n"),)


def test_a_refusal_goes_back_as_one() -> None:
    transcript = CONTRACT.here / "transcripts" / "refusal.sse"
    decoder = CODEC.decoder(a_call("gpt-4o"), CONTRACT.head(transcript, {}))
    refusal = folded([*decoder.feed(transcript.read_bytes()), *decoder.end()])
    sent = json.loads(CODEC.encode(a_call("gpt-4o", messages=(QUESTION, refusal))).body)
    assert sent["messages"][1]["content"] == [{"type": "refusal", "refusal": "I can't do that."}]


def test_a_schema_arrives_byte_for_byte() -> None:
    format_ = JsonSchemaFormat(name="answer", schema=SCHEMA, strict=True)
    body = CODEC.encode(a_call("gpt-4o", response_format=format_)).body
    assert SCHEMA.encode() in body
    sent = json.loads(body)["response_format"]
    assert sent["type"] == "json_schema"
    assert (sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("answer", True)


def test_usage_is_told_while_the_stream_is_read_and_at_its_end() -> None:
    transcript = CONTRACT.here / "transcripts" / "text.sse"
    decoder = CODEC.decoder(a_call("gpt-4o"), CONTRACT.head(transcript, {}))
    (reported,) = (
        event for event in decoder.feed(transcript.read_bytes()) if isinstance(event, UsageReported)
    )
    assert reported.usage.raw is not None
    assert reported.usage.raw["total_tokens"] == 1530
