"""Chat Completions, as its speakers speak it, written from their wire formats."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.support.speaker import CITY, USAGE, Said, Speaker, sse


def _chat_call(call_id: str) -> dict[str, Any]:
    function = {"name": "weather", "arguments": CITY}
    return {"id": call_id, "type": "function", "function": function}


def _chat_usage() -> dict[str, int]:
    return {"prompt_tokens": USAGE["input"], "completion_tokens": USAGE["output"]}


def _chat_message(said: Said, thought: Mapping[str, Any]) -> dict[str, Any]:
    if not said.call_id:
        return {"role": "assistant", "content": said.text}
    calls = [_chat_call(said.call_id)]
    return {"role": "assistant", "content": None, **thought, "tool_calls": calls}


def _chat_whole(thought: Mapping[str, Any]) -> Callable[[Said], Any]:
    def whole(said: Said) -> Any:
        choice = {
            "index": 0,
            "message": _chat_message(said, thought),
            "finish_reason": "tool_calls" if said.call_id else "stop",
        }
        return {"id": "c-1", "model": "m-1", "choices": [choice], "usage": _chat_usage()}

    return whole


def _chat_stream(thought: Mapping[str, Any]) -> Callable[[Said], bytes]:
    def stream(said: Said) -> bytes:
        deltas: list[Any] = [{"role": "assistant", "content": ""}]
        if said.call_id:
            call = _chat_call(said.call_id)
            begun = {**call, "index": 0, "function": {"name": "weather", "arguments": ""}}
            deltas += [thought] if thought else []
            deltas.append({"tool_calls": [begun]})
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
                for piece in (CITY[:5], CITY[5:])
            ]
        else:
            deltas += [{"content": each} for each in said.text]
        finish = "tool_calls" if said.call_id else "stop"
        chunks = [
            *({"index": 0, "delta": delta, "finish_reason": None} for delta in deltas),
            {"index": 0, "delta": {}, "finish_reason": finish},
        ]
        whole = [{"id": "c-1", "model": "m-1", "choices": [chunk]} for chunk in chunks]
        usage = {"id": "c-1", "model": "m-1", "choices": [], "usage": _chat_usage()}
        return sse(*whole, usage) + b"data: [DONE]\n\n"

    return stream


def chat_speaker(kind: str, model: str, base: str, **more: Any) -> Speaker:
    """Return a speaker of Chat Completions.

    Args:
        kind: See `Speaker`.
        model: See `Speaker`.
        base: See `Speaker`.
        more: `thought` holds the fields of what it thinks, `kept` those that have to come back, `names` what
            it calls some parameters; the rest as in `Speaker`.
    """
    thought = more.pop("thought", {})
    kept = more.pop("kept", {})
    names = more.pop("names", {})
    lacks = more.get("lacks", frozenset())
    return Speaker(
        kind=kind,
        model=model,
        base=base,
        whole=_chat_whole(thought),
        stream=_chat_stream(thought),
        answers=lambda id_: [
            {"role": "assistant", "content": None, "tool_calls": [_chat_call(id_)], **kept},
            {"role": "tool", "tool_call_id": id_, "content": "rain"},
        ],
        format=lambda body: body["response_format"]["json_schema"]["schema"],
        parameters={
            "temperature": 0.5,
            "top_p": 0.25,
            "stop": ["END"],
            **({} if "seed" in lacks else {names.get("seed", "seed"): 7}),
            names.get("max_tokens", "max_tokens"): 99,
        },
        thinks=bool(thought),
        unknown=(
            "404 Not Found",
            {"error": {"message": "no such model", "code": "model_not_found"}},
        ),
        **more,
    )
