"""The HTTP side over real sockets: what it says, when, and to whom."""

import hashlib
import socket
from contextlib import AsyncExitStack

import attrs
import pytest
import trio

from adapters.callers.table import CallerTable
from adapters.storage.memory_usage_log import MemoryUsageLog
from adapters.telemetry.prometheus.metrics import Metrics
from entrypoints.account import memory_account
from entrypoints.exposure import exposed
from entrypoints.grpc.authentication import OPEN, Admission
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.listeners import CannotListen
from entrypoints.known_callers import caller_table
from entrypoints.seeing import open_seeing
from entrypoints.settings.http import HttpSettings
from entrypoints.settings.loading import structure
from tests.support.cli_runs import run
from tests.support.http_side import get, open_side

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def test_health_says_whether_calls_are_taken_and_if_not_why() -> None:
    async with open_side(serving=False) as side:
        assert (await get(side.address, "/livez")).status == 200
        starting = await get(side.address, "/readyz")
        assert (starting.status, starting.text) == (503, "starting: no calls are taken yet\n")
        side.draining.serving = True
        ready = await get(side.address, "/readyz")
        assert (ready.status, ready.text) == (200, "ok\n")
        assert ready.headers["cache-control"] == "no-store"
        side.draining.begin()
        leaving = await get(side.address, "/readyz")
        assert leaving.status == 503
        assert leaving.text.startswith("draining: ")
        assert (await get(side.address, "/livez")).status == 200


async def test_metrics_come_in_the_form_that_is_asked_for() -> None:
    async with open_side() as side:
        plain = await get(side.address, "/metrics")
        assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "\nllm_ready 1.0\n" in plain.text
        assert "\nllm_usage_records_lost_total 0.0\n" in plain.text
        assert "\nllm_log_lines_dropped_total 0.0\n" in plain.text
        opened = await get(side.address, "/metrics", accept=OPENMETRICS)
        assert opened.headers["content-type"].startswith("application/openmetrics-text")
        assert opened.text.endswith("# EOF\n")
        zipped = await get(side.address, "/metrics", accept_encoding="gzip")
        assert zipped.headers["content-encoding"] == "gzip"
        assert len(zipped.body) < len(plain.body) / 3


async def test_what_is_not_there_and_what_is_not_done_are_told_apart() -> None:
    async with open_side() as side:
        assert (await get(side.address, "/nothing")).status == 404
        refused = await get(side.address, "/metrics", "POST")
        assert refused.status == 405
        assert "GET" in refused.headers["allow"]
        head = await get(side.address, "/metrics", "HEAD")
        assert (head.status, head.body) == (200, b"")


async def test_connections_above_the_bound_are_closed_and_the_others_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("entrypoints.http.server.SAFE_S", 3600.0)
    async with open_side(HttpSettings(port=0, max_connections=1)) as side:
        first = await trio.open_tcp_stream("127.0.0.1", side.address.port)
        async with first:
            await first.send_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            assert await first.receive_some()
            second = await trio.open_tcp_stream("127.0.0.1", side.address.port)
            async with second:
                assert await second.receive_some() == b""
            await first.send_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert b"HTTP/1.1 200" in b"".join([bytes(each) async for each in first])


async def test_who_holds_all_connections_keeps_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("entrypoints.http.server.SAFE_S", 0.0)
    async with open_side(HttpSettings(port=0, max_connections=2)) as side, AsyncExitStack() as held:
        streams = []
        for _ in range(2):
            stream = await trio.open_tcp_stream("127.0.0.1", side.address.port)
            streams.append(await held.enter_async_context(stream))
            await stream.send_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
            await answered(stream)
        assert (await get(side.address, "/readyz")).status == 200
        # The oldest has made room.
        with trio.fail_after(15):
            assert await streams[0].receive_some() == b""
        await streams[1].send_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        await answered(streams[1])


async def answered(stream: trio.SocketStream) -> None:
    """Read one answer."""
    said = b""
    while not said.endswith(b"ok\n"):
        said += await stream.receive_some()


async def test_who_says_nothing_or_says_it_drop_by_drop_is_closed() -> None:
    async with open_side(HttpSettings(port=0, idle_s=0.2)) as side:
        for said in (b"", b"GET /livez HT"):
            stream = await trio.open_tcp_stream("127.0.0.1", side.address.port)
            async with stream:
                await stream.send_all(said)
                with trio.fail_after(15):
                    assert await stream.receive_some() == b""


async def test_who_does_not_read_holds_nobody_up() -> None:
    with trio.fail_after(15):
        async with open_side(HttpSettings(port=0, write_stall_s=0.2)) as side:
            raw = trio.socket.socket()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await raw.connect(("127.0.0.1", side.address.port))
            async with trio.SocketStream(raw) as stream:
                await stream.send_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n" * 100)
                assert (await get(side.address, "/livez")).status == 200
                # What is left is left in time all the same, though not one byte is read.


async def test_headers_beyond_the_bound_are_refused() -> None:
    async with open_side() as side:
        assert (await get(side.address, "/livez", x="y" * 200_000)).status in (400, 431)


# ------------------------------------------------------------------ beyond this machine


async def test_beyond_this_machine_metrics_are_for_callers_with_their_scope() -> None:
    def known(*scopes: str) -> dict[str, object]:
        return {
            "token_sha256": hashlib.sha256("+".join(scopes).encode()).hexdigest(),
            "scopes": scopes,
        }

    tree = structure({"callers": {"prom": known("metrics.read"), "anna": known("usage.read_all")}})
    admission = Admission(callers=caller_table(tree.callers))
    everywhere = HttpSettings(host="", port=0)
    async with open_side(everywhere, admission) as side:
        address = f"127.0.0.1:{side.address.port}"
        nobody = await get(address, "/metrics")
        assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer")
        for shown in ("Bearer wrong", "Basic abc", "Bearer", f"Bearer {'x' * 2000}"):
            assert (await get(address, "/metrics", authorization=shown)).status == 401
        other = await get(address, "/metrics", authorization="Bearer usage.read_all")
        assert (other.status, other.text) == (403, "this needs the scope metrics.read\n")
        scraped = await get(address, "/metrics", authorization="Bearer metrics.read")
        assert scraped.status == 200
        # Whoever looks after processes has no token.
        assert (await get(address, "/livez")).status == 200
        assert (await get(address, "/readyz")).status == 200
    async with open_side(attrs.evolve(everywhere, metrics_open=True), admission) as side:
        assert (await get(f"127.0.0.1:{side.address.port}", "/metrics")).status == 200


async def test_on_this_machine_no_token_is_asked_for() -> None:
    async with open_side(admission=Admission(callers=CallerTable())) as side:
        assert (await get(side.address, "/metrics")).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "", "example.org"])
def test_an_address_beyond_this_machine_needs_somebody_who_is_known(host: str) -> None:
    there = structure({"http": {"host": host}})
    unsafe = exposed(there, demanding=False)
    assert unsafe is not None
    assert "(http) is reachable from other machines" in unsafe
    assert "--insecure" in unsafe
    assert exposed(there, demanding=True) is None
    assert (
        exposed(structure({"http": {"host": host, "metrics_open": True}}), demanding=False) is None
    )
    assert (
        exposed(attrs.evolve(there, http=HttpSettings(host=host, enabled=False)), demanding=False)
        is None
    )


# ------------------------------------------------------------------ as a process


async def test_an_address_that_is_taken_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"{port}: .* \(http\); set http.port"):
            async with open_side(HttpSettings(port=port)):
                pass


def test_a_server_whose_http_side_cannot_listen_does_not_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(
            "serve",
            "--port=0",
            LLMSERVICE_HTTP__PORT=str(taken.getsockname()[1]),
            LLMSERVICE_LOCAL__ENABLED="false",
            LLMSERVICE_ACCOUNT__DATABASE="memory",
        )
    assert done.returncode == 1
    assert "http.port" in done.stderr
    assert "Traceback" not in done.stderr


async def test_what_is_switched_off_watches_nothing() -> None:
    off = HttpSettings(enabled=False)
    async with open_seeing(off, memory_account(MemoryUsageLog()), OPEN, Draining()) as seeing:
        assert (seeing.telemetry, seeing.inside) == (None, None)


async def test_without_a_console_calls_are_not_watched_for_it_and_there_is_no_page() -> None:
    account = memory_account(MemoryUsageLog())
    off = HttpSettings(port=0, console=False)
    async with open_seeing(off, account, OPEN, Draining()) as seeing:
        seeing.begin()
        assert isinstance(seeing.telemetry, Metrics)
    on = HttpSettings(port=0)
    async with open_seeing(on, account, OPEN, Draining()) as seeing:
        seeing.begin()
        assert not isinstance(seeing.telemetry, Metrics)
    async with open_side() as side:
        assert (await get(side.address, "/console", host="localhost")).status == 404
