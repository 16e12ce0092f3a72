"""A llama.cpp that does what a test says: no model, no speed, no chance."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.json_value import JsonObject

Script = Callable[[JsonObject, Callable[[Any], bool]], object]
"""Plays one answer: gives chunks to the callback, and returns what the server returns."""

MODEL = "smollm2-135m-instruct"
GIVE_UP_S = 30.0
TOKEN_S = 0.001


@attrs.define(eq=False, weakref_slot=True)
class FakeLlama:
    """Plays `script` for every call."""

    script: Script
    bodies: list[JsonObject] = attrs.field(factory=list)
    listening_address: str = "http://127.0.0.1:9"

    def handle_chat_completions(
        self, body: JsonObject, callback: Callable[[Any], bool], /
    ) -> object:
        self.bodies.append(body)
        return self.script(body, callback)

    def handle_embeddings(self, body: JsonObject, /) -> Any:
        self.bodies.append(body)
        return self.script(body, lambda _: False)


def chunk(**fields: object) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], **fields}


def progress(processed: int = 0, total: int = 30, cache: int = 0) -> dict[str, object]:
    delta = {"role": "assistant", "content": None}
    return chunk(
        choices=[{"index": 0, "delta": delta, "finish_reason": None}],
        prompt_progress={"total": total, "cache": cache, "processed": processed, "time_ms": 0},
    )


def text(content: str) -> dict[str, object]:
    return chunk(choices=[{"index": 0, "delta": {"content": content}, "finish_reason": None}])


def stopped(reason: str = "stop") -> dict[str, object]:
    return chunk(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])


def usage(completion: int = 2, prompt: int = 30, cached: int = 0) -> dict[str, object]:
    return chunk(
        usage={
            "completion_tokens": completion,
            "prompt_tokens": prompt,
            "total_tokens": completion + prompt,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
    )


def answer(*pieces: str, reason: str = "stop") -> list[dict[str, object]]:
    """All chunks of an answer made of `pieces`."""
    middle = [text(piece) for piece in pieces]
    return [progress(), *middle, stopped(reason), usage(len(pieces))]


def plays(chunks: Sequence[object], end: object = None) -> Script:
    """Give `chunks` until stopped, and return `end`."""

    def script(_: JsonObject, callback: Callable[[Any], bool]) -> object:
        any(callback(each) for each in chunks)
        return end

    return script


@attrs.define(eq=False)
class Held:
    """A script that begins, then waits for the test before every further token; never ends by itself.

    Several answers share the steps: whichever thread waits takes one.
    """

    begun: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))
    noticed: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))
    _steps: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))
    _free: threading.Event = attrs.field(factory=threading.Event)

    def __call__(self, _: JsonObject, callback: Callable[[Any], bool]) -> object:
        self.begun.release()
        for each in self._endless():
            if callback(each):
                break
            assert self._steps.acquire(timeout=GIVE_UP_S), "the test forgot a thread"
            if self._free.is_set():
                # For the next token, and for the other threads.
                self._steps.release()
                time.sleep(TOKEN_S)
        self.noticed.release()
        return None

    def step(self, count: int = 1) -> None:
        """Let `count` further tokens come."""
        self._steps.release(count)

    def run_free(self) -> None:
        """Let tokens come by themselves from now on."""
        self._free.set()
        self._steps.release()

    def _endless(self) -> Iterator[dict[str, object]]:
        yield progress()
        while True:
            yield text("x")


def call(content: str = "hello", **request: Any) -> ChatCall:
    message = Message(role=Role.USER, parts=(Text(text=content),))
    fields: dict[str, Any] = {"model": MODEL, "messages": (message,)} | request
    return ChatCall(request=ChatRequest(**fields))
