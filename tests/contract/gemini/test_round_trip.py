"""Call, result, answer: what Gemini said goes back as it said it, signatures on the parts that they came
on.
"""

import base64
import json
from typing import Any

import orjson
import pytest

from adapters.providers.gemini.calls import UNSIGNED
from adapters.wire.codec import ResponseHead
from domain.model.call import ChatCall
from domain.model.chat import (
    ChatRequest,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.response import ChatResponse, fold
from domain.model.tools import Tool
from tests.contract.gemini.reading import CODEC, HERE, RECORDED, frames, play, said

ASKED = Message(role=Role.USER, parts=(Text(text="Go."),))
FLASH = "gemini-3.8-flash"


def going_on(answer: ChatResponse, *results: str, model: str = FLASH) -> ChatCall:
    """Return the call that goes on after `answer`: a result for each of its calls, or a question."""
    calls = [part for part in answer.message.parts if isinstance(part, ToolCall)]
    parts = tuple(
        ToolResult(tool_call_id=each.id, content=(Text(text=result),))
        for each, result in zip(calls, results, strict=True)
    )
    after = Message(role=Role.TOOL, parts=parts) if parts else ASKED
    request = ChatRequest(
        model=model,
        messages=(ASKED, answer.message, after),
        tools=tuple(Tool(name=name) for name in dict.fromkeys(each.name for each in calls)),
    )
    return ChatCall(request=request, request_id="call-2")


def turns(call: ChatCall) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(CODEC.encode(call).body)["contents"]
    return found


def as_bytes(part: dict[str, Any]) -> dict[str, Any]:
    """Return `part` with its signature as the bytes it means: either alphabet of base64 is allowed."""
    signature = part.get("thoughtSignature")
    if signature is None:
        return part
    padded = signature.replace("-", "+").replace("_", "/") + "=" * (-len(signature) % 4)
    return {**part, "thoughtSignature": base64.b64decode(padded)}


def transcript(name: str) -> ChatResponse:
    return fold(play((HERE / "transcripts" / name).read_bytes()))


def test_parallel_calls_go_back_with_their_ids_and_only_the_signatures_they_had() -> None:
    _, spoken, answered = turns(going_on(transcript("parallel-calls.sse"), "wet", "dry", "noon"))
    assert [as_bytes(part) for part in spoken["parts"]] == [
        {"text": "Both."},
        {
            "functionCall": {
                "id": "a1b2",
                "name": "weather",
                "args": {"city": "Köln", "days": [1, 2]},
            },
            "thoughtSignature": b"\xff\xef",
        },
        {"functionCall": {"id": "c3d4", "name": "weather", "args": {"city": "Ulm"}}},
        {"functionCall": {"name": "now", "args": {}}},
    ]
    assert [part["functionResponse"] for part in answered["parts"]] == [
        {"id": "a1b2", "name": "weather", "response": {"output": "wet"}},
        {"id": "c3d4", "name": "weather", "response": {"output": "dry"}},
        {"name": "now", "response": {"output": "noon"}},
    ]


def test_signed_text_goes_back_in_the_parts_that_it_came_in() -> None:
    spoken = turns(going_on(transcript("signed-text.sse")))[1]
    assert [as_bytes(part) for part in spoken["parts"]] == [
        {"text": "one "},
        {"text": "two ", "thoughtSignature": b"\x02\x03"},
        {"text": "three"},
        {"text": "", "thoughtSignature": b"\x04\x05"},
    ]


def test_of_thoughts_only_the_signed_go_back() -> None:
    spoken = turns(going_on(transcript("thoughts.sse")))[1]
    assert spoken["parts"] == [
        {"text": "Yes"},
        {"text": "Wait.", "thought": True, "thoughtSignature": "AQID"},
        {"text": " and no"},
    ]


def test_a_whole_answer_goes_back_like_a_streamed_one() -> None:
    body = (HERE / "transcripts" / "whole.json").read_bytes()
    asked = ChatCall(request=ChatRequest(model=FLASH, messages=(ASKED,)))
    whole = fold(CODEC.whole(asked, ResponseHead(200, {}), body))
    streamed = fold(play(frames(json.loads(body))))
    assert whole.message == streamed.message
    assert turns(going_on(whole, "ok"))[1]["parts"] == [
        {"text": "Done.", "thoughtSignature": "AQIDBA=="},
        {
            "functionCall": {"id": "x1", "name": "save", "args": {"n": 1}},
            "thoughtSignature": UNSIGNED,
        },
    ]


def test_a_loop_of_several_steps_ends_in_an_answer() -> None:
    messages: tuple[Message, ...] = (ASKED,)
    for step in range(3):
        signature = base64.b64encode(bytes([step])).decode()
        call = {"functionCall": {"name": "next", "args": {"n": step}}}
        reply = fold(
            play(frames(said({**call, "thoughtSignature": signature}, finishReason="STOP")))
        )
        (made,) = reply.message.parts
        assert isinstance(made, ToolCall)
        result = ToolResult(tool_call_id=made.id, content=(Text(text=str(step)),))
        messages += (reply.message, Message(role=Role.TOOL, parts=(result,)))
    asked = turns(ChatCall(request=ChatRequest(model=FLASH, messages=messages)))
    assert [turn["role"] for turn in asked] == ["user", *["model", "user"] * 3]
    signed = [turn["parts"][0]["thoughtSignature"] for turn in asked[1::2]]
    assert [base64.b64decode(each) for each in signed] == [b"\x00", b"\x01", b"\x02"]
    outputs = [turn["parts"][0]["functionResponse"]["response"] for turn in asked[2::2]]
    assert outputs == [{"output": "0"}, {"output": "1"}, {"output": "2"}]


def test_a_recorded_signature_goes_back_as_a_client_sent_it_that_gemini_accepted() -> None:
    answer = RECORDED / "stream-tool-thought-signature.1.response.sse"
    if not answer.exists():
        pytest.skip(f"the recorded traffic is not there: {answer}")
    accepted = json.loads((RECORDED / "stream-tool-thought-signature.2.request.json").read_bytes())
    theirs = accepted["body"]["contents"]
    going = going_on(fold(play(answer.read_bytes())), "Mexico", model="gemini-3-pro-preview")
    _, spoken, answered = turns(going)
    # The client gave the call an id of its own, and its result another key.
    del theirs[1]["parts"][0]["functionCall"]["id"]
    assert [as_bytes(part) for part in spoken["parts"]] == [
        as_bytes(part) for part in theirs[1]["parts"]
    ]
    assert answered["parts"] == [
        {"functionResponse": {"name": "get_country", "response": {"output": "Mexico"}}}
    ]
