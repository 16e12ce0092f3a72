"""How fast each provider's streams are understood: bytes in, events out, nothing else.

    just bench codec [--rounds N] [--seconds S] [--json FILE]

The bodies are those of the contract tests, with what others recorded where that is there, each played
twice: as one read, and with a read for each event, which is how a model that takes its time is heard. The
bodies of one provider are not those of another: the ratios are between one read and many. What is counted is
the processor's time.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import process_time

import attrs

from adapters.providers.anthropic.codec import AnthropicCodec
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from adapters.providers.gemini.codec import GeminiCodec
from adapters.providers.openai.codec import OpenAIConfig, openai_codec
from adapters.providers.openrouter.codec import OpenRouterConfig, openrouter_codec
from adapters.wire.codec import Codec, ResponseHead
from domain.model.errors import ChatError
from tests.benchmarks.table import ROOT, Figures
from tests.support.chat_contract import FIXTURES, a_call

CONTRACTS = ROOT / "tests" / "contract"
HEAD = ResponseHead(200, {})


@attrs.frozen
class Provider:
    """Whose streams are read.

    Attributes:
        folders: Of the contract tests' own bodies.
        recorded: Folder of what others recorded.
    """

    codec: Codec
    model: str
    folders: tuple[str, ...]
    recorded: str


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        openai_codec(OpenAIConfig()), "gpt-4o", ("openai", "chat_completions"), "openai"
    ),
    "anthropic": Provider(AnthropicCodec(), "claude-opus-5-5", ("anthropic",), "anthropic"),
    "gemini": Provider(GeminiCodec(), "gemini-3.8-flash", ("gemini",), "gemini"),
    "openrouter": Provider(
        openrouter_codec(OpenRouterConfig()), "anthropic/claude-x", ("openrouter",), "openrouter"
    ),
    "compatible": Provider(
        compatible_codec(CompatibleConfig(name="far", models=("m",))),
        "m",
        ("openai_compatible", "chat_completions"),
        "openai-compatible",
    ),
}


def heard(provider: Provider, pieces: Iterable[bytes]) -> int:
    """Return how many events the stream in `pieces` has.

    Raises:
        ChatError: It does not end well.
    """
    decoder = provider.codec.decoder(a_call(provider.model), HEAD)
    count = sum(len([*decoder.feed(piece)]) for piece in pieces)
    return count + len([*decoder.end()])


def streams(provider: Provider) -> list[bytes]:
    """Return the bodies of streams that end well."""
    paths = [
        *(
            path
            for name in provider.folders
            for path in CONTRACTS.glob(f"{name}/transcripts/*.sse")
        ),
        *(FIXTURES / provider.recorded).glob("*.sse"),
    ]
    return [body for body in _read(paths) if _is_good(provider, body)]


def one_read_each(body: bytes) -> list[bytes]:
    """Return `body` cut after each event."""
    blank = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    return [piece + blank for piece in body.split(blank) if piece]


def measure(rounds: int, seconds: float) -> Figures:
    """Play every provider's streams in turn."""
    figures = Figures()
    bodies = {name: streams(provider) for name, provider in PROVIDERS.items()}
    for turn in range(rounds + 1):
        for name, provider in PROVIDERS.items():
            for way, cut in WAYS.items():
                found = _played(provider, [cut(body) for body in bodies[name]], seconds)
                if turn:
                    figures.add(f"{name}, {len(bodies[name])} streams", way, found)
    return figures


WAYS: Mapping[str, Callable[[bytes], list[bytes]]] = {
    "one read": lambda body: [body],
    "a read for each event": one_read_each,
}


def _played(
    provider: Provider, bodies: Sequence[Sequence[bytes]], seconds: float
) -> Mapping[str, float]:
    events = size = streams = 0
    began = process_time()
    took_s = 0.0
    while not took_s or took_s < seconds:
        for pieces in bodies:
            events += heard(provider, pieces)
            size += sum(map(len, pieces))
        streams += len(bodies)
        took_s = process_time() - began
    return {
        "events/s": events / took_s,
        "us an event": took_s / events * 1e6,
        "events a stream": events / streams,
        "MB/s": size / took_s / 1e6,
    }


def _is_good(provider: Provider, body: bytes) -> bool:
    try:
        return heard(provider, [body]) == heard(provider, one_read_each(body))
    except ChatError:
        return False


def _read(paths: Iterable[Path]) -> list[bytes]:
    return [path.read_bytes() for path in sorted(paths)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each provider and way")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    measure(asked.rounds, asked.seconds).report("codec", "one read", asked.json)
