"""Asking providers themselves, over real sockets: what is wrong is told apart; nothing is spent unasked."""

import json
import socket
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any

import anyio
import attrs
import pytest
import trio
import trustme
from trio.testing import MockClock

from adapters.http.obstacle import Obstacle
from adapters.http.transport.connection import SocketConnect
from adapters.http.transport.opening import open_transport
from adapters.wire.overrides import Override
from entrypoints.live.asking import ask_all, ask_http, say_unproved, spend_a_token
from entrypoints.live.each_key import ask_with_each_key, for_a_token, for_nothing
from entrypoints.live.verdict import Verdict
from entrypoints.live.whom import asked, open_askings
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.loading import structure
from entrypoints.settings.native import NativeSettings
from entrypoints.ways import Way, way_to
from tests.support import model_lists
from tests.support.http_sockets import serving
from tests.support.model_lists import GOOD, Lists

MINE = (Override("mine"),)


def native(kind: str, base_url: str, key: str = GOOD) -> Way:
    settings = NativeSettings(kind=kind, base_url=base_url, models=MINE)
    variable = f"{kind.upper()}_API_KEY"
    found = way_to(kind, settings, {variable: key})
    assert isinstance(found, Way)
    return found


def compatible(base_url: str, *models: str, key: str = GOOD) -> Way:
    settings = CompatibleSettings(
        base_url=base_url,
        api_key_env="FAR_KEY" if key else "",
        models=tuple(Override(each) for each in models),
    )
    found = way_to("far", settings, {"FAR_KEY": key})
    assert isinstance(found, Way)
    return found


async def blunt(stream: trio.abc.Stream) -> None:
    """Speak HTTP to whoever greets in TLS."""
    await stream.receive_some()
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def silent(stream: trio.abc.Stream) -> None:
    """Say nothing."""
    await trio.sleep_forever()


async def verdict_on(
    way: Way,
    tls: ssl.SSLContext | None = None,
    *,
    spend: bool = False,
    connect_s: float = 5.0,
) -> Verdict:
    async with open_transport(connect=SocketConnect(tls)) as transport:
        prove = partial(spend_a_token, way=way, transport=transport, connect_s=5.0)
        return await ask_http(way, transport, connect_s, prove if spend else say_unproved)


KINDS: Mapping[str, tuple[Mapping[str, Any], str, tuple[str, ...]]] = {
    "openai": (model_lists.OPENAI, "/v1", ("gpt-4o", "mine")),
    "mistral": (model_lists.OPENAI, "/v1", ("gpt-4o", "mine")),
    "anthropic": (model_lists.ANTHROPIC, "", ("claude-opus-5-20260401", "mine")),
    "gemini": (model_lists.GEMINI, "", ("gemini-3.8-flash", "mine")),
    "openrouter": (model_lists.OPENROUTER, "/api/v1", ("a/b", "mine")),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_good_provider_is_good_and_lists_all_its_pages(kind: str) -> None:
    pages, path, names = KINDS[kind]
    lists = Lists(pages, frozenset({"/api/v1/models"}))
    async with serving(lists.handler) as port:
        verdict = await verdict_on(native(kind, f"http://127.0.0.1:{port}{path}"))
    assert verdict.good, verdict
    assert (verdict.address, verdict.key, verdict.missing) == ("reached", "accepted", ())
    assert tuple(each.name for each in verdict.models) == names
    assert sorted(lists.asked) == sorted(f"GET {each}" for each in pages)
    assert verdict.latency_s is not None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bad_key_is_told_and_not_shown(kind: str) -> None:
    pages, path, _ = KINDS[kind]
    lists = Lists(pages, frozenset({"/api/v1/models"}))
    async with serving(lists.handler) as port:
        verdict = await verdict_on(native(kind, f"http://127.0.0.1:{port}{path}", "sk-bad-key"))
    assert verdict.key == "refused (401)"
    assert "the key is refused (401)" in verdict.problem
    assert "sk-bad-key" not in repr(verdict)


@pytest.mark.parametrize(
    ("keys", "key", "problem"),
    [
        (f"{GOOD},{GOOD}-2", "accepted", ""),
        (f"{GOOD},sk-bad-2", "1 of 2 refused", "OPENAI_API_KEY#2: the key is refused (401)"),
        (f"sk-bad-1,{GOOD}", "1 of 2 refused", "OPENAI_API_KEY#1: the key is refused (401)"),
        ("sk-bad,sk-bad-2", "refused (401)", "the key is refused (401)"),
    ],
)
async def test_each_key_is_asked_with_and_one_that_is_refused_is_named(
    keys: str, key: str, problem: str
) -> None:
    lists = Lists(model_lists.OPENAI)
    async with serving(lists.handler) as port, open_transport() as transport:
        way = native("openai", f"http://127.0.0.1:{port}/v1", keys)
        verdict = await ask_with_each_key(way, transport, 5.0, for_nothing)
    assert (verdict.key, verdict.problem.startswith(problem)) == (key, True)
    assert verdict.good is (not problem)
    assert "sk-" not in repr(verdict)
    assert len(lists.asked) == 2
    assert bool(verdict.models) is (GOOD in keys)


async def test_what_is_wrong_whatever_the_key_is_said_once() -> None:
    lists = Lists(model_lists.OPENAI, status="500 Internal Server Error")
    async with serving(lists.handler) as port, open_transport() as transport:
        way = native("openai", f"http://127.0.0.1:{port}/v1", f"{GOOD},{GOOD}-2")
        verdict = await ask_with_each_key(way, transport, 5.0, for_nothing)
    assert "#2" not in verdict.problem
    assert verdict.problem
    async with open_transport() as transport:
        verdict = await ask_with_each_key(way, transport, 5.0, for_nothing)
    assert verdict.address != "reached"


async def test_a_token_is_spent_with_each_key_where_only_that_can_tell() -> None:
    lists = Lists({})
    async with serving(lists.handler) as port, open_transport() as transport:
        way = native("openai", f"http://127.0.0.1:{port}/v1", f"{GOOD},{GOOD}-2")
        verdict = await ask_with_each_key(way, transport, 5.0, for_a_token)
    assert [each.split()[0] for each in lists.asked] == ["GET", "POST"] * 2
    assert not verdict.good


async def test_limits_are_read_where_they_are_told() -> None:
    for kind, context, output in (("anthropic", 7, 3), ("gemini", 5, 2), ("openrouter", 9, 4)):
        pages, path, _ = KINDS[kind]
        async with serving(Lists(pages).handler) as port:
            verdict = await verdict_on(native(kind, f"http://127.0.0.1:{port}{path}"))
        first = verdict.models[0]
        assert (first.context_tokens, first.max_output_tokens) == (context, output)
    async with serving(Lists(model_lists.LLAMA).handler) as port:
        verdict = await verdict_on(compatible(f"http://127.0.0.1:{port}/v1", "mine"))
    assert verdict.models[0].context_tokens == 2048


async def test_a_version_of_the_api_is_asked_in_that_version() -> None:
    lists = Lists(model_lists.ANTHROPIC)
    async with serving(lists.handler) as port:
        await verdict_on(native("anthropic", f"http://127.0.0.1:{port}"))
    assert all("anthropic-version: 2023-06-01" in head for head in lists.heads)


async def test_a_model_of_the_settings_that_is_not_listed_is_named() -> None:
    async with serving(Lists(model_lists.LLAMA).handler) as port:
        far = compatible(f"http://127.0.0.1:{port}/v1", "mine", "gone")
        verdict = await verdict_on(far)
    assert verdict.missing == ("gone",)
    assert verdict.problem == "it does not list gone"
    assert not verdict.good


async def test_a_date_behind_a_listed_name_does_no_harm() -> None:
    pages = {"/v1/models": {"data": [{"id": "a-2026-01-02"}, {"id": "b:latest"}, {"id": "c-mini"}]}}
    async with serving(Lists(pages).handler) as port:
        verdict = await verdict_on(compatible(f"http://127.0.0.1:{port}/v1", "a", "b", "c"))
    assert verdict.missing == ("c",)


class Nameless(trio.abc.HostnameResolver):
    """Knows no name."""

    async def getaddrinfo(self, *_: object) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, *_: object) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        raise NotImplementedError


async def test_what_stands_in_the_way_is_told_apart() -> None:
    async with serving(Lists(model_lists.OPENAI).handler) as port:
        pass
    refused = await verdict_on(compatible(f"http://127.0.0.1:{port}/v1"))
    assert refused.address == Obstacle.REFUSED
    before = trio.socket.set_custom_hostname_resolver(Nameless())
    unnamed = await verdict_on(compatible("https://nowhere.invalid/v1"))
    trio.socket.set_custom_hostname_resolver(before)
    assert unnamed.address == Obstacle.NAME
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    async with serving(Lists(model_lists.OPENAI).handler, context) as port:
        untrusted = await verdict_on(compatible(f"https://localhost:{port}/v1"), trusting)
        assert untrusted.address == Obstacle.CERTIFICATE
        ca.configure_trust(trusting)
        assert (await verdict_on(compatible(f"https://localhost:{port}/v1"), trusting)).good
    async with serving(blunt) as port:
        plain = await verdict_on(compatible(f"https://localhost:{port}/v1"), trusting)
    assert plain.address == Obstacle.TLS
    async with serving(silent) as port:
        mute = await verdict_on(compatible(f"https://localhost:{port}/v1"), trusting, connect_s=0.2)
    assert mute.address == Obstacle.TIMEOUT
    for verdict in (refused, unnamed, untrusted, plain, mute):
        assert not verdict.good
        assert verdict.address in verdict.problem
        assert verdict.key == "unknown"


@pytest.mark.parametrize(
    ("status", "words"),
    [("500 Internal Server Error", "(500)"), ("302 Found", "redirect"), ("429 Slow", "(429)")],
)
async def test_a_provider_that_fails_is_reached_but_not_good(status: str, words: str) -> None:
    async with serving(Lists({}, status=status).handler) as port:
        verdict = await verdict_on(compatible(f"http://127.0.0.1:{port}/v1"))
    assert (verdict.address, verdict.key) == ("reached", "unknown")
    assert words in verdict.problem


ANSWER = {
    "id": "x",
    "model": "mine",
    "choices": [{"message": {"role": "assistant", "content": "H"}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


@pytest.mark.parametrize("listed", [None, {"hello": "world"}, "text", 5])
async def test_without_a_list_nothing_is_spent_unless_that_is_said(listed: Any) -> None:
    pages = {"/v1/chat/completions": ANSWER}
    lists = Lists(pages if listed is None else {**pages, "/v1/models": listed})
    async with serving(lists.handler) as port:
        far = compatible(f"http://127.0.0.1:{port}/v1", "mine")
        verdict = await verdict_on(far)
        assert lists.asked == ["GET /v1/models"]
        assert "--spend" in verdict.problem
        paid = await verdict_on(far, spend=True)
        assert lists.asked[-1] == "POST /v1/chat/completions"
        assert paid.good
        assert (paid.key, paid.note) == ("accepted", "spent a token on each of mine")
        unnamed = await verdict_on(compatible(f"http://127.0.0.1:{port}/v1"), spend=True)
        assert "name a model of it" in unnamed.problem


async def test_a_model_that_cannot_be_asked_is_named() -> None:
    lists = Lists({})
    async with serving(lists.handler) as port:
        far = compatible(f"http://127.0.0.1:{port}/v1", "mine")
        verdict = await verdict_on(far, spend=True)
    assert verdict.problem.startswith("mine: ")


async def test_a_cursor_that_leads_nowhere_ends() -> None:
    first = model_lists.ANTHROPIC["/v1/models?limit=1000"]
    lists = Lists(dict.fromkeys(model_lists.ANTHROPIC, first))
    async with serving(lists.handler) as port:
        verdict = await verdict_on(native("anthropic", f"http://127.0.0.1:{port}"))
    assert len(lists.asked) == 2
    assert verdict.missing == ("mine",)


async def test_all_are_asked_at_once_each_in_its_own_time(autojump_clock: MockClock) -> None:
    told: list[str] = []

    async def after(name: str, delay_s: float) -> Verdict:
        await anyio.sleep(delay_s)
        return Verdict(provider=name)

    askings = {name: partial(after, name, s) for name, s in (("a", 5.0), ("b", 99.0), ("c", 1.0))}
    verdicts = await ask_all(askings, lambda verdict: told.append(verdict.provider), 20.0)
    assert trio.current_time() == 20.0
    assert told == ["c", "a", "b"]
    assert [each.provider for each in verdicts] == ["a", "b", "c"]
    assert [each.good for each in verdicts] == [True, False, True]
    assert "20 s" in verdicts[1].problem


def test_those_that_are_there_unasked_are_asked_if_their_key_is() -> None:
    settings = structure(
        {"providers": {"far": {"kind": "compatible", "base_url": "https://far/v1"}}}
    )
    assert list(asked(settings, {"ANTHROPIC_API_KEY": "k"})) == ["anthropic", "far"]
    assert list(asked(settings, {"GEMINI_API_KEY_FILE": "/nowhere"})) == ["gemini", "far"]


async def test_what_lacks_its_key_is_not_asked_and_fails() -> None:
    tree = {
        "local": {"enabled": False},
        "providers": {
            "far": {"kind": "compatible", "base_url": "https://far/v1", "api_key_env": "FAR_KEY"},
            "play": {"kind": "scripted", "models": {"m": [{"say": "x"}]}},
        },
    }
    async with open_askings(structure(tree), {}, for_nothing) as askings:
        far, play = await ask_all(askings, lambda _: None, 5.0)
    assert (far.key, far.address) == ("missing", "not asked")
    assert "FAR_KEY" in far.problem
    assert play.good
    assert [each.name for each in play.models] == ["m"]


async def test_a_verdict_holds_no_secret() -> None:
    async with serving(Lists(model_lists.OPENAI).handler) as port:
        verdict = await verdict_on(native("openai", f"http://127.0.0.1:{port}/v1"))
    assert GOOD not in json.dumps(attrs.asdict(verdict), default=str)
