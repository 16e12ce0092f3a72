"""Gemini's generateContent, written from its wire format."""

import json
from typing import Any

from tests.support.speaker import CITY, SIGNATURE, THOUGHT, Said, Speaker, sse


def _gemini_parts(said: Said) -> list[Any]:
    if not said.call_id:
        return [{"text": said.text}]
    call = {"id": said.call_id, "name": "weather", "args": json.loads(CITY)}
    return [
        {"text": THOUGHT, "thought": True},
        {"functionCall": call, "thoughtSignature": SIGNATURE},
    ]


def _gemini_response(parts: list[Any], **candidate: Any) -> Any:
    content = {"role": "model", "parts": parts}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 5, "totalTokenCount": 16}
    return {
        "candidates": [{"content": content, "index": 0, **candidate}],
        "usageMetadata": usage,
        "modelVersion": "m-1",
        "responseId": "r-1",
    }


def _gemini_stream(said: Said) -> bytes:
    parts = _gemini_parts(said)
    pieces = parts if said.call_id else [{"text": each} for each in said.text]
    chunks = [_gemini_response([piece]) for piece in pieces]
    return sse(*chunks, _gemini_response([{"text": ""}], finishReason="STOP"))


GEMINI = Speaker(
    kind="gemini",
    model="gemini-2.5-flash",
    base="",
    key=("x-goog-api-key", "sk-test"),
    whole=lambda said: _gemini_response(_gemini_parts(said), finishReason="STOP"),
    stream=_gemini_stream,
    streams=lambda asked: asked.path.endswith(":streamGenerateContent?alt=sse"),
    model_of=lambda asked: asked.path.rpartition("/")[2].partition(":")[0],
    turns=lambda asked: asked.body["contents"],
    answers=lambda id_: [
        # Of thoughts, only what is signed goes back.
        {"role": "model", "parts": _gemini_parts(Said(call_id=id_))[1:]},
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": id_,
                        "name": "weather",
                        "response": {"output": "rain"},
                    }
                }
            ],
        },
    ],
    format=lambda body: body["generationConfig"]["responseJsonSchema"],
    parameters={
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.25,
            "stopSequences": ["END"],
            "seed": 7,
            "maxOutputTokens": 99,
        }
    },
    unknown=(
        "404 Not Found",
        {"error": {"code": 404, "message": "models/nope", "status": "NOT_FOUND"}},
    ),
)
