"""A real server process with its providers: at home by default, else the real ones."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.e2e.upstream import KEY, Upstream, open_upstream
from tests.support.cli_runs import Running, serving

LIVE, CEILING, BROKEN = "E2E_LIVE", "E2E_CEILING_USD", "E2E_BROKEN"
TOKEN, NARROW_TOKEN = "e2e-token-of-thirty-two-letters-", "narrow-token-of-32-letters------"

MODELS: Mapping[str, str] = {
    "openai": "gpt-4o-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash-lite",
    "openrouter": "openai/gpt-4o-mini",
}
"""What each provider is asked for: what is cheap there and can do all of it."""
FAMILIES: Mapping[str, str] = {
    "openai": "gpt-4o-",
    "anthropic": "claude-",
    "gemini": "gemini-",
    "openrouter": "openai/gpt-",
}
"""What names of models begin with there, so that the service asks the provider about them."""
_AT_HOME = ("openai", "anthropic")


def live(provider: str) -> bool:
    """Return whether `provider` is the real one."""
    return bool(os.environ.get(LIVE)) and bool(os.environ.get(f"{provider.upper()}_API_KEY"))


def there() -> list[str]:
    """Return the providers that can be asked."""
    return [name for name in MODELS if live(name) or name in _AT_HOME]


def broken() -> bool:
    """Return whether the subject of each scenario is to be broken, to see that it fails."""
    return bool(os.environ.get(BROKEN))


@attrs.frozen
class House:
    """A server and what stands behind it.

    Attributes:
        server: The running process.
        upstream: The provider at home.
        folder: Holds its state.
    """

    server: Running
    upstream: Upstream
    folder: Path

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.server.address


@contextmanager
def open_house(folder: Path, more: str = "", **environment: str) -> Iterator[House]:
    """Have it run while the block does; `more` is TOML that is added to its settings.

    The account is `folder`'s, so that several houses in one folder share one ceiling.
    """
    home = folder / f"house-{len(list(folder.glob('house-*')))}"
    home.mkdir()
    with open_upstream(broken=broken()) as upstream:
        places: dict[str, str] = {}
        for name in _AT_HOME:
            if not live(name):
                path = "/v1" if name == "openai" else ""
                places[f"{name.upper()}_API_KEY"] = KEY
                places[f"{name.upper()}_BASE_URL"] = upstream.url + path
        text = _config(folder) + more
        with serving(home, text, **places, **environment) as server:
            yield House(server, upstream, folder)


def ask(provider: str, text: str = "", **more: Any) -> pb.LLMRequest:
    """Return a question for `provider`."""
    request = pb.LLMRequest(provider=provider, model=MODELS[provider], max_tokens=200)
    if text:
        request.messages.append(pb.ChatMessage(role="user", content=text))
    request.MergeFrom(pb.LLMRequest(**more))
    return request


def bearer(token: str = TOKEN) -> tuple[tuple[str, str], ...]:
    """Return the metadata that shows `token`."""
    return (("authorization", f"Bearer {token}"),)


def _config(folder: Path) -> str:
    def caller(name: str, token: str, **more: object) -> str:
        digest = hashlib.sha256(token.encode()).hexdigest()
        lines = [f"[callers.{name}]", f'token_sha256 = "{digest}"']
        return "\n".join([*lines, *(f"{key} = {json.dumps(value)}" for key, value in more.items())])

    ceiling = float(os.environ.get(CEILING, "0.5"))
    parts = [
        f'[account]\ndatabase = "sqlite:///{folder}/usage.db"\ndurability = "strict"',
        "[http]\nenabled = false",
        "[local]\nenabled = false",
        # What may be spent is the service's own budget.
        caller("e2e", TOKEN, budget_usd_per_day=ceiling),
        caller("narrow", NARROW_TOKEN, allow=["*" if broken() else "anthropic/*"]),
    ]
    # A budget wants to know the price even of what there is not.
    parts += [
        f'[prices."{name}/{family}{what}"]\ninput_usd = 1.0\noutput_usd = 1.0'
        for name, family in FAMILIES.items()
        for what in ("no-such", "busy")
    ]
    return "\n\n".join(parts) + "\n"
