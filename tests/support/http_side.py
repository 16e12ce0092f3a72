"""An HTTP side in this process, and a client that says what it likes."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs
import h11
import trio

from entrypoints.addresses import Address
from entrypoints.board import Board, board_of
from entrypoints.grpc.authentication import OPEN, Admission
from entrypoints.grpc.transport.draining import Draining
from entrypoints.http.own import Own
from entrypoints.http.side import open_http_side
from entrypoints.settings.http import HttpSettings
from tests.support.cli_runs import Running

PATIENCE_S = 15.0


@attrs.frozen
class Answer:
    """What was answered.

    Attributes:
        headers: By lower-case name.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def get(address: object, path: str, method: str = "GET", **headers: str) -> Answer:
    """Ask; ``accept_encoding`` is a header's name here."""
    return await _asked(address, path, method, b"", headers)


async def post(address: object, path: str, body: str, **headers: str) -> Answer:
    """Send `body`; headers as with `get`."""
    headers = {"content_length": str(len(body.encode())), **headers}
    return await _asked(address, path, "POST", body.encode(), headers)


async def _asked(
    address: object, path: str, method: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    host, _, port = str(address).rpartition(":")
    connection = h11.Connection(h11.CLIENT)
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    request = h11.Request(
        method=method,
        target=path,
        headers=list({"host": "localhost", "connection": "close", **said}.items()),
    )
    sent = connection.send(request) or b""
    if body:
        sent += connection.send(h11.Data(data=body)) or b""
    sent += connection.send(h11.EndOfMessage()) or b""
    with trio.fail_after(PATIENCE_S):
        stream = await trio.open_tcp_stream(host, int(port))
        async with stream:
            await stream.send_all(sent)
            return await _answer(stream, connection)


async def _answer(stream: trio.SocketStream, connection: h11.Connection) -> Answer:
    status, headers, body = 0, {}, b""
    while True:
        event: Any = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            return Answer(status, headers, body)


@attrs.frozen
class Side:
    """An open HTTP side."""

    address: Address
    board: Board
    draining: Draining


@asynccontextmanager
async def open_side(
    settings: HttpSettings | None = None,
    admission: Admission = OPEN,
    *,
    serving: bool = True,
    board: Board | None = None,
) -> AsyncIterator[Side]:
    """Have one on a free port, that begins at once."""
    if board is None:
        board = board_of(Draining(), 0, None)
    board.draining.serving = serving
    async with open_http_side(settings or HttpSettings(port=0), Own(board), admission) as side:
        side.begin()
        assert isinstance(side.address, Address)
        yield Side(side.address, board, board.draining)


def http_address(running: Running) -> str:
    """Return where a server's HTTP side listens, as its log says."""
    running.wait_for("over HTTP")
    (line,) = [each for each in running.log().splitlines() if "over HTTP" in each]
    return str(json.loads(line)["address"])
