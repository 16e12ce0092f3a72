"""Events of a stream, in few words."""

from typing import Any

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 4, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}


def begun(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: Any, type_: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": type_, **fields}}


def ended(reason: str | None = "end_turn", usage: Any = None, **fields: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, **fields},
        "usage": usage or {"output_tokens": 9},
    }
