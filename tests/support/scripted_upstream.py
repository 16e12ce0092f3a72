"""A provider on a real socket that answers as a test says, and writes down what it was asked."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import attrs
import trio

from tests.support.http_peer import request_on, sized


@attrs.frozen
class Asked:
    """One request.

    Attributes:
        path: With the query.
        headers: Names in lower case.
    """

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


Answer: TypeAlias = Callable[[Asked], bytes]
"""Gives a whole HTTP response."""


@attrs.define
class ScriptedUpstream:
    """A running provider.

    Attributes:
        url: Without a path.
        answer: May be changed while it runs.
    """

    url: str
    answer: Answer
    asked: list[Asked] = attrs.field(factory=list)


def json_answer(body: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Return a response that holds `body`."""
    return sized(json.dumps(body).encode(), status, content_type="application/json", **headers)


def sse_answer(body: bytes) -> bytes:
    """Return a response that streams `body`."""
    return sized(body, content_type="text/event-stream")


@asynccontextmanager
async def open_upstream(answer: Answer) -> AsyncIterator[ScriptedUpstream]:
    """Serve on a free port while the block runs."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    host, port = listener.socket.getsockname()
    upstream = ScriptedUpstream(f"http://{host}:{port}", answer)

    async def serve(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            while (request := await request_on(stream)) is not None:
                asked = _asked(request)
                upstream.asked.append(asked)
                await stream.send_all(upstream.answer(asked))

    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, serve, [listener])
        yield upstream
        nursery.cancel_scope.cancel()


def _asked(request: bytes) -> Asked:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = (line.partition(": ") for line in lines)
    return Asked(
        first.split(" ")[1],
        {name.lower(): value for name, _, value in headers},
        json.loads(body),
    )
