"""Anthropic's Messages, written from its wire format."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.speaker import CITY, SIGNATURE, THOUGHT, USAGE, Said, Speaker, sse


def _blocks(said: Said) -> list[Any]:
    if not said.call_id:
        return [{"type": "text", "text": said.text}]
    return [
        {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE},
        {
            "type": "tool_use",
            "id": said.call_id,
            "name": "weather",
            "input": json.loads(CITY),
        },
    ]


def _anthropic_whole(said: Said) -> Any:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": _blocks(said),
        "stop_reason": "tool_use" if said.call_id else "end_turn",
        "usage": {"input_tokens": USAGE["input"], "output_tokens": USAGE["output"]},
    }


def _anthropic_stream(said: Said) -> bytes:
    whole = _anthropic_whole(said)
    start = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 11}}
    events: list[Any] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        begun, deltas = _EMPTIED[block["type"]](block)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [
            {"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas
        ]
        events.append({"type": "content_block_stop", "index": index})
    stopped = {"stop_reason": whole["stop_reason"]}
    events.append({"type": "message_delta", "delta": stopped, "usage": {"output_tokens": 5}})
    events.append({"type": "message_stop"})
    return b"".join(b"event: %s\n" % each["type"].encode() + sse(each) for each in events)


_EMPTIED: Mapping[str, Callable[[Any], tuple[Any, list[Any]]]] = {
    "text": lambda block: (
        {"type": "text", "text": ""},
        [{"type": "text_delta", "text": each} for each in block["text"]],
    ),
    "thinking": lambda block: (
        {"type": "thinking", "thinking": "", "signature": ""},
        [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ],
    ),
    "tool_use": lambda block: (
        {**block, "input": {}},
        [{"type": "input_json_delta", "partial_json": each} for each in ("", CITY[:5], CITY[5:])],
    ),
}

ANTHROPIC = Speaker(
    kind="anthropic",
    model="claude-haiku-4-5",
    base="",
    key=("x-api-key", "sk-test"),
    whole=_anthropic_whole,
    stream=_anthropic_stream,
    answers=lambda id_: [
        {"role": "assistant", "content": _blocks(Said(call_id=id_))},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": id_,
                    "content": [{"type": "text", "text": "rain"}],
                }
            ],
        },
    ],
    format=lambda body: body["output_config"]["format"]["schema"],
    # It takes no seed.
    parameters={
        "temperature": 0.5,
        "top_p": 0.25,
        "stop_sequences": ["END"],
        "max_tokens": 99,
    },
    unknown=(
        "404 Not Found",
        {"type": "error", "error": {"type": "not_found_error", "message": "model: nope"}},
    ),
    lacks=frozenset({"seed"}),
)
