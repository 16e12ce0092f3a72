"""The console in a real browser: while calls run, for everybody, and as it can be used."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from domain.model.usage import AttemptOutcome
from tests.support.browser import Browser, needs_browser, open_browser
from tests.support.console import Watched, axe, open_watched
from tests.support.system_gateway import ask, in_thread, refusal, stub

STREAMS = 20
SETTINGS: dict[str, Any] = {
    "retry": {"max_attempts": 2, "base_s": 0.001, "max_s": 0.002},
    "limits": {"providers": {"demo": {"parallel_calls": 50}}},
    "providers": {
        "demo": {
            "kind": "scripted",
            "models": {
                "long": [{"chunks": {"count": 2_000, "every_s": 0.1, "text": "word "}}],
                "short": [{"wait_s": 0.01}, {"say": "one two three"}],
                "broken": [{"fail": {"reason": "PROVIDER_OVERLOADED"}}],
            },
        },
    },
}
LOOKS = {"token_sha256": hashlib.sha256(b"looks").hexdigest(), "scopes": ["console"]}
ELSEWHERE: dict[str, Any] = {
    "providers": {},
    "http": {"host": "0.0.0.0"},
    "callers": {"looks": LOOKS},
}
TOKENS = """return [...document.querySelectorAll("#flights tbody tr")].map(
    row => Number(row.querySelector('[data-title="tokens"]').textContent.replaceAll(",", "")))"""
TOTAL = f"return (() => {{ {TOKENS} }})().reduce((sum, each) => sum + each, 0)"
AXE = """return axe.run(document).then(found => found.passes.length < 5
    ? ["it checked nothing"] : found.violations.map(each => each.id + ": " + each.nodes[0].html))"""


@contextmanager
def streaming(address: str) -> Iterator[dict[str, grpc.StatusCode]]:
    """Have streams run; gives how each ended, by its request id."""
    ends: dict[str, grpc.StatusCode] = {}
    messages: dict[str, str] = {}

    def play(name: str) -> None:
        refused = refusal(
            lambda: list(server.stream(ask("demo", "long"), metadata=[("x-request-id", name)]))
        )
        ends[name], messages[name] = refused.code, refused.message

    with stub(address) as server:
        threads = [
            threading.Thread(target=play, args=[f"stream-{each}"]) for each in range(STREAMS)
        ]
        for each in threads:
            each.start()
        yield ends
    for each in threads:
        each.join(15)
        assert not each.is_alive()
    assert messages["stream-7"] == "an operator ended the call"


def looked_at(browser: Browser, watched: Watched, source: str, folder: Path) -> None:
    """Do what an operator does."""
    with stub(watched.address) as server:
        for _ in range(5):
            server.invoke(ask("demo", "short"))
        refusal(lambda: server.invoke(ask("demo", "broken")))
    with streaming(watched.address) as ends:
        browser.look(1440, 900)
        browser.open(f"{watched.page}/")
        browser.until('return document.getElementById("live").textContent === "live"')
        browser.until(f"return (() => {{ {TOKENS} }})().length === {STREAMS}")
        before = browser.run(TOTAL)
        browser.until(f"return (() => {{ {TOTAL} }})() > {before} + {STREAMS}")
        assert ends == {}
        browser.click('button[aria-label="Cancel call stream-7"]')
        browser.until('return !document.querySelector("[aria-label=\\"Cancel call stream-7\\"]")')
        browser.until(
            'return document.querySelector("#last").textContent.includes("by an operator")'
        )
        browser.until(f"return (() => {{ {TOKENS} }})().length === {STREAMS - 1}")
        assert ends == {"stream-7": grpc.StatusCode.CANCELLED}
        keyboard(browser)
        for_everybody(browser, source, folder)
        browser.open("about:blank")


def keyboard(browser: Browser) -> None:
    """What is open and what has the focus stays while the page changes."""
    browser.run("document.querySelector('#last summary').focus()")
    browser.press("#last summary", "\ue007")
    opened = "return document.querySelector('#last details').open"
    assert browser.run(opened)
    browser.run("window.grown = document.querySelector('#flights [data-title=tokens]').textContent")
    browser.until(
        "return document.querySelector('#flights [data-title=tokens]').textContent !== window.grown"
    )
    assert browser.run(opened)
    assert browser.run("return document.activeElement.tagName") == "SUMMARY"


def for_everybody(browser: Browser, source: str, folder: Path) -> None:
    """It is right for those who do not see it, too, in both colours, and fits on a phone."""
    browser.run(f"{source};")
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")
    for dark in (False, True):
        for width, height in ((1440, 900), (390, 844)):
            browser.look(width, height, dark=dark)
            assert browser.run(AXE) == []
            overflow = (
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert browser.run(overflow) == 0
            browser.picture(folder / f"{width}-{'dark' if dark else 'light'}.png")


def signed_in(browser: Browser, watched: Watched, source: str) -> None:
    """Do what somebody does who may only look, from another machine."""
    browser.look(390, 844)
    browser.open(f"{watched.page}/console")
    assert browser.run("return document.title").startswith("Sign in")
    browser.run(f"{source};")
    assert browser.run(AXE) == []
    browser.press("#token", "mistyped\ue007")
    browser.until("return document.querySelector('[role=alert]')")
    browser.press("#token", "looks\ue007")
    browser.until('return (document.getElementById("live") || {}).textContent === "live"')
    assert browser.run("return document.cookie") == ""
    assert "Cancel" not in browser.run("return document.body.innerText")
    browser.run(f"{source};")
    assert browser.run(AXE) == []
    browser.click("header button")
    browser.until('return document.title.startsWith("Sign in")')


@needs_browser
async def test_an_operator_sees_calls_grow_and_cancels_one(tmp_path: Path) -> None:
    source = await in_thread(axe, tmp_path / "axe")
    async with open_watched(SETTINGS) as watched, open_watched(ELSEWHERE) as elsewhere:
        await in_thread(_with_browser, watched, elsewhere, source, tmp_path)
    (stopped,) = [each for each in watched.log.records if each.request_id == "stream-7"]
    assert stopped.attempt.outcome is AttemptOutcome.CANCELLED
    assert (stopped.attempt.usage.output_tokens or 0) > 0


def _with_browser(watched: Watched, elsewhere: Watched, source: str, folder: Path) -> None:
    with open_browser(folder) as browser:
        looked_at(browser, watched, source, folder)
        signed_in(browser, elsewhere, source)
