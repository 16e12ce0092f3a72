"""A provider on a socket that knows its key and lists its models, page by page."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from tests.support.http_peer import request_on, sized

GOOD = "sk-good-key"


@attrs.define
class Lists:
    """Answers by path; what asks without the key is refused.

    Attributes:
        pages: Path with its query -> the answer's JSON.
        open_paths: Answered to anyone.
        status: Answered to everything, where it is set.
        delay_s: Before each answer.
        asked: Methods and paths so far.
    """

    pages: Mapping[str, Any]
    open_paths: frozenset[str] = frozenset()
    status: str = ""
    delay_s: float = 0.0
    asked: list[str] = attrs.field(factory=list)
    heads: list[str] = attrs.field(factory=list)

    async def handler(self, stream: trio.abc.Stream) -> None:
        """Answer requests until the other side closes."""
        while (request := await request_on(stream)) is not None:
            head = request.partition(b"\r\n\r\n")[0].decode()
            method, path, _ = head.split("\r\n")[0].split(" ")
            self.asked.append(f"{method} {path}")
            self.heads.append(head)
            await trio.sleep(self.delay_s)
            await stream.send_all(self._answer(path, head))

    def _answer(self, path: str, head: str) -> bytes:
        if self.status:
            return sized(b'{"error": {"message": "no"}}', self.status)
        if GOOD not in head and path not in self.open_paths:
            # Some say the bad key back.
            said = next((line for line in head.split("\r\n") if "sk-" in line), "no key")
            return sized(json.dumps({"error": {"message": said}}).encode(), "401 Unauthorized")
        if path not in self.pages:
            return sized(b'{"error": {"message": "no such path"}}', "404 Not Found")
        return sized(json.dumps(self.pages[path]).encode())


OPENAI = {"/v1/models": {"object": "list", "data": [{"id": "gpt-4o"}, {"id": "mine"}]}}
ANTHROPIC = {
    "/v1/models?limit=1000": {
        "data": [{"id": "claude-opus-5-20260401", "max_input_tokens": 7, "max_tokens": 3}],
        "has_more": True,
        "last_id": "claude-opus-5-20260401",
    },
    "/v1/models?limit=1000&after_id=claude-opus-5-20260401": {
        "data": [{"id": "mine"}],
        "has_more": False,
        "last_id": "mine",
    },
}
GEMINI = {
    "/v1beta/models?pageSize=1000": {
        "models": [
            {"name": "models/gemini-3.8-flash", "inputTokenLimit": 5, "outputTokenLimit": 2},
            {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
        ],
        "nextPageToken": "p/2",
    },
    "/v1beta/models?pageSize=1000&pageToken=p%2F2": {
        "models": [{"name": "models/mine", "supportedGenerationMethods": ["generateContent"]}]
    },
}
OPENROUTER = {
    "/api/v1/models": {
        "data": [
            {"id": "a/b", "context_length": 9, "top_provider": {"max_completion_tokens": 4}},
            {"id": "mine", "context_length": None},
        ]
    },
    "/api/v1/key": {"data": {"label": "sk-or-v1-au7...890", "limit_remaining": 74.5}},
}
LLAMA = {
    "/v1/models": {
        "models": [{"name": "x"}],
        "object": "list",
        "data": [{"id": "mine", "meta": {"n_ctx_train": 2048}}],
    }
}
