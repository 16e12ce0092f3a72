"""Who is measured by `service`: our server with everything on, with nothing; the floor; the provider."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import attrs

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
    """

    name: str
    ask: Ask
    program: Program | None = None


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
        yield Contestant(name, asked_over_grpc(port), running)


@contextmanager
def floor(upstream: Upstream, core: int, folder: Path) -> Iterator[Contestant]:
    """Have the least that a gateway can be run; see `tests.benchmarks.floor`."""
    folder.mkdir()
    address = folder / "address"
    words = [sys.executable, "-m", "tests.benchmarks.floor", upstream.port, address]
    with pinned(words, core, folder / "server.log") as running:
        port = int(running.line_of(address).rpartition(":")[2])
        yield Contestant("floor", asked_over_grpc(port), running)


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


def question(provider: str) -> bytes:
    """Return the framed request."""
    request = pb.LLMRequest(
        provider=provider,
        model=MODEL,
        messages=[pb.ChatMessage(role="user", content=PROMPT)],
        max_tokens=256,
    )
    return frame_message(request.SerializeToString())


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
