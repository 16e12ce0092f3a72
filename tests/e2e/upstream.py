"""OpenAI and Anthropic as a process could have them at home: written from their wire formats, with some wit.

It does what it is told to (repeats, remembers, finds, counts), counts words as tokens, keeps prompts that are
to be cached, refuses models that it does not know, and writes down what it was asked. Broken, it does none of
that.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs

KEY = "sk-e2e-of-the-provider"
_COUNTED = [f"number {n}" for n in range(1, 201)]


@attrs.frozen
class Asked:
    """One request.

    Attributes:
        key: The key that was shown.
    """

    path: str
    key: str
    body: Mapping[str, Any]


@attrs.define
class Upstream:
    """A running provider.

    Attributes:
        url: Without a path.
        broken: Whether it answers nonsense.
        asked: Oldest first.
        tokens: What it charged for, input and output, in all.
        cached: Prompts that are kept.
    """

    url: str = ""
    broken: bool = False
    asked: list[Asked] = attrs.field(factory=list)
    tokens: list[int] = attrs.field(factory=lambda: [0, 0])
    cached: set[str] = attrs.field(factory=set)
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def charge(self, spent: int, made: int) -> None:
        """Note what an answer cost."""
        with self.lock:
            self.tokens[0] += spent
            self.tokens[1] += made


@contextmanager
def open_upstream(*, broken: bool = False) -> Iterator[Upstream]:
    """Serve on a free port while the block runs."""
    upstream = Upstream(broken=broken)
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        upstream.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    upstream: Upstream
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["x-api-key"] or str(self.headers["authorization"]).removeprefix(
            "Bearer "
        )
        self.upstream.asked.append(Asked(self.path, key, body))
        model = str(body["model"])
        if "no-such" in model and not self.upstream.broken:
            missing = {"message": f"no model {model}", "type": "x", "code": "model_not_found"}
            return self._say(404, {"type": "error", "error": missing})
        if "busy" in model and not self.upstream.broken:
            busy = {
                "message": "slow down",
                "type": "rate_limit_error",
                "code": "rate_limit_exceeded",
            }
            return self._say(429, {"error": busy}, retry_after="3600")
        answer = _PATHS[self.path](self.upstream, body)
        if isinstance(answer, bytes):
            return self._send(200, answer, "text/event-stream")
        return self._say(200, answer)

    def _say(self, status: int, body: Mapping[str, Any], **headers: str) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", **headers)

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is called
        """Say nothing."""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content)


def _wit(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what a model with some wit would say."""
    conversation = "\n".join(_text(each["content"]) for each in messages)
    last = _text(messages[-1]["content"])
    rules = (
        (r"Repeat exactly: (.*)", last),
        (r"My name is (\w+)", conversation if "my name" in last else ""),
        (r"The secret word is (\w+)", last if "secret word?" in last else ""),
    )
    for pattern, where in rules:
        found = re.search(pattern, where)
        if found:
            return found[1]
    return " ".join(_COUNTED) if "Count" in last else "Hello there, how are you?"


def _cut(text: str, most: int | None) -> tuple[str, bool]:
    words = text.split()
    return (" ".join(words[:most]), True) if most and len(words) > most else (text, False)


def _chat(upstream: Upstream, body: Mapping[str, Any]) -> Mapping[str, Any] | bytes:
    if upstream.broken:
        return {"id": "c", "model": "m", "choices": []}
    said, long = _cut(_wit(body["messages"]), body.get("max_completion_tokens"))
    spent = sum(len(_text(each["content"]).split()) for each in body["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": said}
    finish = "length" if long else "stop"
    if body.get("response_format", {}).get("type") == "json_schema":
        message["content"] = '{"city": "Berlin"}'
    elif body.get("tools"):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Berlin"}'}
        call = {"id": "call_1", "type": "function", "function": function}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    made = len(said.split())
    upstream.charge(spent, made)
    usage = {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made}
    about = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    if not body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return {**about, "choices": [choice], "usage": usage}
    deltas: list[tuple[Mapping[str, Any], str | None]] = [
        ({"content": word}, None) for word in re.findall(r"\S+\s*", said)
    ]
    chunks: list[Any] = [
        {**about, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in [*deltas, ({}, finish)]
    ]
    chunks.append({**about, "choices": [], "usage": usage})
    return (
        b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in chunks)
        + b"data: [DONE]\n\n"
    )


def _embeddings(upstream: Upstream, body: Mapping[str, Any]) -> Mapping[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = [
        {"index": n, "object": "embedding", "embedding": [1.0, float(len(text))]}
        for n, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"data": [] if upstream.broken else vectors, "model": body["model"], "usage": usage}


def _messages(upstream: Upstream, body: Mapping[str, Any]) -> Mapping[str, Any] | bytes:
    if upstream.broken:
        return {"id": "m", "type": "message", "model": "m"}
    system = body.get("system", "")
    said, long = _cut(_wit(body["messages"]), body.get("max_tokens"))
    fresh = sum(len(_text(each["content"]).split()) for each in body["messages"])
    prefix = json.dumps(system)
    kept = 0 if isinstance(system, str) else len(_text(system).split())
    marked = "cache_control" in prefix
    read = kept if marked and prefix in upstream.cached else 0
    wrote = kept if marked and not read else 0
    upstream.cached.add(prefix)
    made = len(said.split())
    usage: dict[str, Any] = {
        "input_tokens": fresh + (0 if marked else len(_text(system).split())),
        "output_tokens": made,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": wrote,
        "cache_creation": {"ephemeral_5m_input_tokens": wrote, "ephemeral_1h_input_tokens": 0},
    }
    upstream.charge(usage["input_tokens"] + read + wrote, made)
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": said}],
        "stop_reason": "max_tokens" if long else "end_turn",
        "usage": usage,
    }
    if not body.get("stream"):
        return whole
    start = {**whole, "content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": word},
            }
            for word in re.findall(r"\S+\s*", said)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"]},
            "usage": {"output_tokens": made},
        },
        {"type": "message_stop"},
    ]
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (each["type"].encode(), json.dumps(each).encode())
        for each in events
    )


_PATHS = {
    "/v1/chat/completions": _chat,
    "/v1/embeddings": _embeddings,
    "/v1/messages": _messages,
}
