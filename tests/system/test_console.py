"""The console over real sockets: who may look, who may cancel, and what is told meanwhile."""

import hashlib
import json
import re
from contextlib import AsyncExitStack
from typing import Any

import grpc
import trio

from tests.support.console import Watched, open_watched
from tests.support.http_side import Answer, get, post
from tests.support.system_gateway import ask, in_thread, refusal, stub

PROVIDERS: dict[str, Any] = {
    "demo": {
        "kind": "scripted",
        "models": {
            "endless": [{"say": "one two three four"}, {"wait_s": 600}],
            "short": [{"say": "hello"}],
        },
    },
}
OPEN: dict[str, Any] = {"retry": {"max_attempts": 1}, "providers": PROVIDERS}
TOKENS = {"looks": ["console"], "cancels": ["console.cancel"], "other": ["usage.read_all"]}
CLOSED: dict[str, Any] = {
    **OPEN,
    "callers": {
        name: {"token_sha256": hashlib.sha256(name.encode()).hexdigest(), "scopes": scopes}
        for name, scopes in TOKENS.items()
    },
}
EVERYWHERE = {"host": "0.0.0.0"}
FORM = "application/x-www-form-urlencoded"


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


async def snapshot(watched: Watched, **headers: str) -> dict[str, Any]:
    answer = await get(watched.http, "/console/snapshot", **{"host": watched.http, **headers})
    assert answer.status == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found


async def running(watched: Watched, **headers: str) -> dict[str, Any]:
    """Return the one call in flight, once its tokens have come."""
    with trio.fail_after(15):
        while True:
            flights = (await snapshot(watched, **headers))["in_flight"]
            if flights and flights[0]["output_tokens"]:
                (flight,) = flights
                return dict(flight)


async def test_on_this_machine_whoever_gets_here_may_look_and_cancel() -> None:
    ends: list[grpc.StatusCode] = []
    async with open_watched(OPEN) as watched, trio.open_nursery() as nursery:

        def play() -> None:
            with stub(watched.address) as server:
                ends.append(refusal(lambda: list(server.stream(ask("demo", "endless")))).code)

        nursery.start_soon(in_thread, play)
        flight = await running(watched)
        assert (flight["provider"], flight["model"]) == ("demo", "endless")
        page = await get(watched.http, "/console", host=watched.http)
        csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)[0]
        form = f"call={flight['number']}&csrf={csrf}"
        ours = {"host": watched.http, "origin": watched.page, "content_type": FORM}
        # Another page in the same browser can send forms, but neither reads ours nor says it is ours.
        for evil in (
            {**ours, "origin": "http://evil.example"},
            {**ours, "origin": "null"},
            {key: value for key, value in ours.items() if key != "origin"},
        ):
            assert (await post(watched.http, "/console/cancel", form, **evil)).status == 403
        without = await post(watched.http, "/console/cancel", f"call={flight['number']}", **ours)
        assert without.status == 403
        assert (await snapshot(watched))["in_flight_total"] == 1
        for wrong in ("", "call=x", "call=-1", f"call={'9' * 30}"):
            answer = await post(watched.http, "/console/cancel", f"{wrong}&csrf={csrf}", **ours)
            assert answer.status == 400
        done = await post(watched.http, "/console/cancel", form, **ours)
        assert (done.status, done.text) == (200, "the call is cancelled\n")
        with trio.fail_after(15):
            while not ends:  # noqa: ASYNC110 - it tells nobody
                await trio.sleep(0.01)
        assert (await post(watched.http, "/console/cancel", form, **ours)).status == 404
        (last,) = (await snapshot(watched))["last"]
    assert ends == [grpc.StatusCode.CANCELLED]
    assert (last["reason"], last["stopped"]) == ("CALLER_CANCELLED", True)
    assert [each["outcome"] for each in last["attempts"]] == ["cancelled"]


async def test_a_page_of_the_internet_whose_name_leads_here_sees_nothing() -> None:
    async with open_watched(OPEN) as watched:
        for host in ("evil.example", "evil.example:9464", "", "10.0.0.1", "[::2]:9464"):
            assert (await get(watched.http, "/console/snapshot", host=host)).status == 403
            assert (await get(watched.http, "/metrics", host=host)).status == 403
            assert (await get(watched.http, "/readyz", host=host)).status == 200
        for host in ("localhost", "localhost:1", "127.0.0.1", "127.8.8.8:99", "[::1]:9", "[::1]"):
            assert (await get(watched.http, "/console/snapshot", host=host)).status == 200
            assert (await get(watched.http, "/metrics", host=host)).status == 200


async def test_where_callers_are_known_cancelling_takes_a_scope_on_this_machine_too() -> None:
    async with open_watched(CLOSED) as watched:
        local = {"host": watched.http, "origin": watched.page, "content_type": FORM}
        assert (await get(watched.http, "/console", host=watched.http)).status == 200
        refused = await post(watched.http, "/console/cancel", "call=1", **local)
        assert (refused.status, refused.text) == (403, "this needs the scope console.cancel\n")
        for name, status in (("looks", 403), ("cancels", 404), ("nobody", 401), ("other", 403)):
            answer = await post(watched.http, "/console/cancel", "call=1", **local, **bearer(name))
            assert answer.status == status, name


async def test_beyond_this_machine_it_takes_a_token_with_its_scope() -> None:
    async with open_watched({**CLOSED, "http": EVERYWHERE}) as watched:
        nobody = await get(watched.http, "/console/snapshot", host=watched.http)
        assert (nobody.status, nobody.headers["www-authenticate"]) == (401, "Bearer")
        shown = await get(watched.http, "/console", host=watched.http, accept="text/html")
        assert (shown.status, shown.headers["location"]) == (303, "/console/sign-in")
        for name, status in (("looks", 200), ("cancels", 200), ("other", 403), ("nobody", 401)):
            answer = await get(watched.http, "/console/snapshot", host=watched.http, **bearer(name))
            assert answer.status == status, name
        basic = await get(watched.http, "/console", host=watched.http, authorization="Basic looks")
        assert basic.status == 401


async def test_beyond_this_machine_without_callers_nobody_sees_the_console() -> None:
    async with open_watched({**OPEN, "http": {**EVERYWHERE, "metrics_open": True}}) as watched:
        assert (await get(watched.http, "/metrics")).status == 200
        refused = await get(watched.http, "/console", host=watched.http)
        assert refused.status == 403
        assert "llmservice keys create" in refused.text


async def sign_in(watched: Watched, token: str, **headers: str) -> Answer:
    said = {"host": watched.http, "origin": watched.page, "content_type": FORM, **headers}
    return await post(watched.http, "/console/sign-in", f"token={token}", **said)


async def test_who_signs_in_has_a_session_that_scripts_and_other_pages_cannot_use() -> None:
    async with open_watched({**CLOSED, "http": EVERYWHERE}) as watched:
        assert (await sign_in(watched, "nobody")).status == 401
        assert (await sign_in(watched, "other")).status == 403
        assert (await sign_in(watched, "cancels", origin="http://evil.example")).status == 403
        answer = await sign_in(watched, "cancels")
        assert (answer.status, answer.headers["location"]) == (303, "/console")
        said = answer.headers["set-cookie"].lower()
        for word in ("httponly", "samesite=strict", "path=/console", "max-age="):
            assert word in said
        assert "secure" not in said
        assert "cancels" not in said
        tls = await sign_in(watched, "cancels", x_forwarded_proto="https")
        assert "secure" in tls.headers["set-cookie"].lower()
        cookie = answer.headers["set-cookie"].partition(";")[0]
        with_cookie = {"host": watched.http, "cookie": cookie}
        page = await get(watched.http, "/console", **with_cookie)
        assert page.status == 200
        csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)[0]
        other = (await sign_in(watched, "cancels")).headers["set-cookie"].partition(";")[0]
        ours = {**with_cookie, "origin": watched.page, "content_type": FORM}
        # What protects one session is of no use in another.
        theirs = {**ours, "cookie": other}
        form = f"call=1&csrf={csrf}"
        assert (await post(watched.http, "/console/cancel", form, **theirs)).status == 403
        assert (await post(watched.http, "/console/cancel", form, **ours)).status == 404
        form = f"csrf={csrf}"
        assert (await post(watched.http, "/console/sign-out", form, **ours)).status == 303
        assert (await get(watched.http, "/console/snapshot", **with_cookie)).status == 401
        forged = {**with_cookie, "cookie": "llmservice_console=AAAA"}
        assert (await get(watched.http, "/console/snapshot", **forged)).status == 401


async def test_every_answer_tells_the_browser_to_be_careful() -> None:
    async with open_watched(OPEN) as watched:
        here = {"host": watched.http}
        for path in ("/", "/console", "/console/snapshot", "/console/sign-in", "/console/console.js",
                     "/console/console.css", "/console/icon.svg"):  # fmt: skip
            answer = await get(watched.http, path, **here)
            assert answer.status == (302 if path == "/" else 200)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
        long = await post(watched.http, "/console/cancel", "x" * 10_000, **here, content_type=FORM)
        assert long.status == 413


async def test_only_what_has_changed_is_told_once_a_second() -> None:
    async with AsyncExitStack() as stack:
        watched = await stack.enter_async_context(open_watched(OPEN))
        host, _, port = watched.http.rpartition(":")
        stream = await trio.open_tcp_stream(host, int(port))
        async with stream:
            request = f"GET /console/events HTTP/1.1\r\nhost: {watched.http}\r\n\r\n"
            await stream.send_all(request.encode())
            said = b""
            with trio.fail_after(15):
                while said.count(b"event: regions") < 2:
                    said += await stream.receive_some()
            assert b"text/event-stream" in said.lower()
            first, second = re.findall(rb"data: (\{.*?\})\n\n", said)
            assert set(json.loads(first)) >= {"summary", "flights", "charts", "last"}
            assert not {"flights", "last", "account"} & set(json.loads(second))
            # A page that is open is told that this was all, and does not hold the end up.
            await stack.aclose()
            said = b""
            with trio.fail_after(15):
                async for piece in stream:
                    said += piece
            assert said.endswith(b"0\r\n\r\n")
