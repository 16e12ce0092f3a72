"""Who is measured by `service`: our server with everything on, with nothing; the floor; the provider."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import attrs
import grpc

from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.transport.messages import frame_message
from tests.benchmarks import grpc_load, http_load
from tests.benchmarks.grpc_load import Counted
from tests.benchmarks.process import Program, pinned
from tests.benchmarks.upstream import KINDS, MODEL, Upstream

PROMPT = "Tell me something about the weather in the mountains, and keep it short."
TOKEN = "bench-token"
Meanwhile: TypeAlias = Callable[[], None] | None
Ask: TypeAlias = Callable[[str, int, float, Meanwhile], Counted]
"""Asks for answers of a kind, so many at once, for so many seconds (0: once each)."""
_CONNECTIONS = {1: 1, 32: 4, 128: 4}
_PER_CONNECTION = 50

EVERYTHING = f"""
[http]
port = 0

[account]
database = "sqlite:///FOLDER/usage.db"

[callers.bench]
token_sha256 = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"
allow = ["*/{MODEL}"]
requests_per_minute = 100_000_000
tokens_per_minute = 100_000_000_000
parallel_calls = 10_000
budget_usd_per_day = 1_000_000

[limits]
parallel_calls = 10_000

[prices."*/{MODEL}"]
input_usd = 0.5
output_usd = 1.5
"""
NOTHING = """
[http]
enabled = false

[account]
database = "memory"

[media]
fetch = "off"
"""


@attrs.frozen
class Contestant:
    """Someone to be asked.

    Attributes:
        program: That answers; ``None``: it is nobody's turn to be measured.
        grpcio: Asks for whole answers, one after the other for so many seconds, as a client of grpcio does;
            ``None``: it speaks no gRPC.
    """

    name: str
    ask: Ask
    program: Program | None = None
    grpcio: Callable[[float], Counted] | None = None


def direct(upstream: Upstream) -> Contestant:
    """Return the provider itself: what the load generator and it can do."""

    def request(kind: str) -> tuple[str, str, tuple[str, ...]]:
        return f"/{kind}/v1/chat/completions", MODEL, ()

    return Contestant("direct", asked_over_http(upstream.port, request))


@contextmanager
def ours(
    name: str, sections: str, upstream: Upstream, core: int, folder: Path
) -> Iterator[Contestant]:
    """Have our server run with these settings."""
    folder.mkdir()
    config, address = folder / "llmservice.toml", folder / "address"
    config.write_text(_settings(sections.replace("FOLDER", str(folder)), upstream))
    words = [sys.executable, "-m", "entrypoints.cli.main", "serve"]
    words += ["--config", str(config), "--address-file", str(address)]
    with pinned(words, core, folder / "server.log") as running:
        port = int(running.line_of(address).rpartition(":")[2])
        yield Contestant(name, asked_over_grpc(port), running, partial(asked_by_grpcio, port))


@contextmanager
def floor(upstream: Upstream, core: int, folder: Path) -> Iterator[Contestant]:
    """Have the least that a gateway can be run; see `tests.benchmarks.floor`."""
    folder.mkdir()
    address = folder / "address"
    words = [sys.executable, "-m", "tests.benchmarks.floor", upstream.port, address]
    with pinned(words, core, folder / "server.log") as running:
        port = int(running.line_of(address).rpartition(":")[2])
        yield Contestant("floor", asked_over_grpc(port), running, partial(asked_by_grpcio, port))


def asked_over_grpc(port: int) -> Ask:
    """Return how to ask a server of our protocol, at `port` on the loopback."""
    metadata = ((b"authorization", f"Bearer {TOKEN}".encode()),)

    def ask(kind: str, at_once: int, seconds: float, meanwhile: Meanwhile) -> Counted:
        connections = _CONNECTIONS.get(at_once, -(-at_once // _PER_CONNECTION))
        method = "Invoke" if kind == "whole" else "InvokeStream"
        return grpc_load.load(
            port,
            f"/llmservice.v1.LLMService/{method}",
            question(kind),
            connections=connections,
            calls=at_once // connections,
            seconds=seconds,
            metadata=metadata,
            meanwhile=meanwhile,
        )

    return ask


def asked_by_grpcio(port: int, seconds: float) -> Counted:
    """Ask for whole answers, one after the other, with the client that most people have."""
    counted, request = Counted(), _question("whole")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary(
            "/llmservice.v1.LLMService/Invoke",
            request_serializer=pb.LLMRequest.SerializeToString,
            response_deserializer=pb.LLMResponse.FromString,
        )
        end = perf_counter() + seconds
        while (began := perf_counter()) < end:
            answer = ask(request, metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=60)
            took_s = perf_counter() - began
            counted.calls += 1
            counted.size += answer.ByteSize()
            counted.first_s.append(took_s)
            counted.whole_s.append(took_s)
    return counted


def question(provider: str) -> bytes:
    """Return the framed request."""
    return frame_message(_question(provider).SerializeToString())


def _question(provider: str) -> pb.LLMRequest:
    return pb.LLMRequest(
        provider=provider,
        model=MODEL,
        messages=[pb.ChatMessage(role="user", content=PROMPT)],
        max_tokens=256,
    )


def asked_over_http(port: int, request: Callable[[str], tuple[str, str, tuple[str, ...]]]) -> Ask:
    """Return how to ask someone who speaks the Chat Completions protocol.

    Args:
        port: On the loopback.
        request: Gives path, model and headers for a kind of answers.
    """

    def ask(kind: str, at_once: int, seconds: float, meanwhile: Meanwhile) -> Counted:
        path, model, headers = request(kind)
        asked: dict[str, object] = {
            "model": model,
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": 256,
        }
        if kind != "whole":
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        out = http_load.post(path, json.dumps(asked).encode(), headers)
        return http_load.load(port, out, connections=at_once, seconds=seconds, meanwhile=meanwhile)

    return ask


def _settings(sections: str, upstream: Upstream) -> str:
    providers = [
        f'[providers.{kind}]\nkind = "compatible"\nbase_url = "{upstream.base_url(kind)}"'
        for kind in KINDS
    ]
    listening = "[grpc]\nport = 0\n[local]\nenabled = false\n"
    return listening + sections + "\n" + "\n".join(providers) + "\n"
