"""What others sent, and was accepted, is what we send for the same question."""

import json
from typing import Any

import pytest

from domain.model.call import ChatCall, Delivery
from domain.model.chat import (
    ChatRequest,
    Media,
    Message,
    ReasoningConfig,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.tools import Tool, ToolChoice
from tests.contract.anthropic.reading import CODEC, SHARED

RECORDED = SHARED / "fixtures" / "anthropic"


def user(text: str) -> Message:
    return Message(role=Role.USER, parts=(Text(text=text),))


SYSTEM = """
    Use the `retrieve_entity_info` tool to get information about a specific person.
    If you need to use `retrieve_entity_info` to get information about multiple people, try
    to call them in parallel as much as possible.
    Think step by step and then provide a single most probable concise answer.
    """
LOOK_UP = Tool(
    name="retrieve_entity_info",
    description="Get the knowledge about the given entity.",
    parameters_json_schema=(
        '{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],'
        '"additionalProperties":false}'
    ),
)
FAMILY = (
    Message(role=Role.SYSTEM, parts=(Text(text=SYSTEM),)),
    user("Alice, Bob, Charlie and Daisy are a family. Who is the youngest?"),
)
CALLS = {
    "toolu_0167cfEnoQaPviGdVXA95zcu": ("Alice", "alice is bob's wife"),
    "toolu_01EEe2V5HD1Ac4rKiUR4HD2T": ("Bob", "bob is alice's husband"),
    "toolu_01XFyAjstT3966qvRynZyVPo": ("Charlie", "charlie is alice's son"),
    "toolu_013mnQZbgtK2oe3Mo3XKJsx3": (
        "Daisy",
        "daisy is bob's daughter and charlie's younger sister",
    ),
}
ASKED = Message(
    role=Role.ASSISTANT,
    parts=(
        Text(
            text="I'll help you find out who is the youngest by retrieving information about each "
            "family member. I'll retrieve their entity information to compare their ages."
        ),
        *(
            ToolCall(id=id_, name=LOOK_UP.name, arguments_json=f'{{"name": "{name}"}}')
            for id_, (name, _) in CALLS.items()
        ),
    ),
)
# One message for each result, as OpenAI's habit is.
ANSWERED = tuple(
    Message(role=Role.TOOL, parts=(ToolResult(tool_call_id=id_, content=(Text(text=answer),)),))
    for id_, (_, answer) in CALLS.items()
)
PELICANS: dict[str, Any] = {
    "model": "claude-haiku-4-5-20251001",
    "max_tokens": 8192,
    "temperature": 1.0,
}
REQUESTS: dict[str, ChatRequest] = {
    "error-bad-image.1": ChatRequest(
        model="claude-haiku-4-5",
        max_tokens=4096,
        messages=(
            Message(
                role=Role.USER,
                parts=(
                    Text(text="What animal is this?"),
                    Media(
                        uri="https://lh3.googleusercontent.com/proxy/YngsuS8jQJysXxeucAgVBcSgIdwZlSQ-HvsN"
                        "xGjHS0SrUKXI161bNKh6SOcMsNUGsnxoOrS3AYX--MT4T3S3SoCgSD1xKrtBwwItcgexaX_7W-qHo-"
                        "VupmYgjjzWO-BuORLp9-pj8Kjr"
                    ),
                ),
            ),
        ),
    ),
    "parallel-tools.1": ChatRequest(
        model="claude-haiku-4-5",
        max_tokens=4096,
        messages=FAMILY,
        tools=(LOOK_UP,),
        tool_choice=ToolChoice(),
    ),
    "parallel-tools.2": ChatRequest(
        model="claude-haiku-4-5",
        max_tokens=4096,
        messages=(*FAMILY, ASKED, *ANSWERED),
        tools=(LOOK_UP,),
        tool_choice=ToolChoice(),
    ),
    "prefill-stop-sequence.1": ChatRequest(
        **PELICANS,
        messages=(
            user("Very short function describing a pelican"),
            Message(role=Role.ASSISTANT, parts=(Text(text="```python"),)),
        ),
        stop=("```",),
    ),
    "sampling-on-wire.1": ChatRequest(
        model="claude-haiku-4-5",
        max_tokens=4096,
        messages=(user("hello"),),
        temperature=0.2,
        top_k=40,
    ),
    "stream-thinking.1": ChatRequest(
        **PELICANS,
        messages=(user("Two names for a pet pelican, be brief"),),
        reasoning=ReasoningConfig(budget_tokens=1024),
    ),
    "stream-tool-calls.1": ChatRequest(
        **PELICANS,
        messages=(user("Generate one name for a pet pelican"),),
        tools=(Tool(name="pelican_name_generator"),),
    ),
    "thinking-stream.1": ChatRequest(
        model="claude-sonnet-4-0",
        max_tokens=4096,
        messages=(user("How do I cross the street?"),),
        reasoning=ReasoningConfig(budget_tokens=1024),
    ),
}


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """Return `body` with the spellings that mean the same to the server made one."""
    if not body.get("stream"):
        body.pop("stream", None)
    if isinstance(body.get("system"), str):
        body["system"] = [{"type": "text", "text": body["system"]}]
    for message in body["messages"]:
        for block in message["content"]:
            if block["type"] == "tool_result":
                if isinstance(block["content"], str):
                    block["content"] = [{"type": "text", "text": block["content"]}]
                if not block.get("is_error"):
                    block.pop("is_error", None)
    for tool in body.get("tools", ()):
        if not tool.get("description"):
            tool.pop("description", None)
    return body


@pytest.mark.parametrize("name", REQUESTS)
def test_the_body_is_the_recorded_one(name: str) -> None:
    path = RECORDED / f"{name}.request.json"
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    recorded = json.loads(path.read_bytes())["body"]
    delivery = Delivery.STREAMED if recorded.get("stream") else Delivery.WHOLE
    wire = CODEC.encode(ChatCall(request=REQUESTS[name], delivery=delivery))
    assert plain(json.loads(wire.body)) == plain(recorded)
    assert wire.warnings == ()
