"""Through a proxy: who is asked through which, and answers that are left half-read."""

import httpx
import pytest
import trio

from adapters.http.transport.opening import open_transport
from adapters.http.transport.proxies import NO_PROXIES, Proxies, proxies_from_environment
from domain.model.events import Finished
from tests.support.http_calls import HELLO, call
from tests.support.http_peer import CHUNKED, LAST, answering, model_over, piece, request_on, sized
from tests.support.http_sockets import serving


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("api.far.test", True),
        ("far.test", True),
        (".far.test", True),
        ("ar.test", False),
        ("other.test, API.FAR.TEST ", True),
        ("api.far.test:8443", True),
        ("api.far.test:443", False),
    ],
)
def test_no_proxy_exempts_names_and_what_is_below_them(no_proxy: str, direct: bool) -> None:
    proxies = Proxies({"https": "http://proxy.test:3128"}, no_proxy)
    address = proxies.address_for(httpx.URL("https://api.far.test:8443/v1"))
    assert address == (None if direct else "http://proxy.test:3128")


def test_a_proxy_serves_its_scheme_only_unless_it_is_for_all() -> None:
    url = httpx.URL("http://far.test/")
    assert Proxies({"https": "http://p"}).address_for(url) is None
    assert Proxies({"all": "p:1"}).address_for(url) == "http://p:1"
    assert NO_PROXIES.address_for(url) is None


def test_the_environment_is_read_and_its_password_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hidden@proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    proxies = proxies_from_environment()
    assert proxies == Proxies({"https": "http://me:hidden@proxy.test:3128"}, "localhost")
    assert "hidden" not in repr(proxies)


async def test_a_call_goes_through_the_proxy() -> None:
    seen: list[bytes | None] = []

    async def proxy(stream: trio.abc.Stream) -> None:
        while (request := await request_on(stream)) is not None:
            seen.append(request)
            await stream.send_all(CHUNKED + piece(HELLO) + LAST)

    async with serving(proxy) as port:
        proxies = Proxies({"http": f"http://127.0.0.1:{port}"})
        async with open_transport(proxies=proxies) as transport:
            model = model_over(transport, "http://far.test/v1")
            async with model.stream(call()) as stream:
                assert isinstance([event async for event in stream][-1], Finished)
    assert (seen[0] or b"").startswith(b"POST http://far.test/v1/chat/completions HTTP/1.1\r\n")


async def test_an_exempt_host_is_asked_directly() -> None:
    async with serving(answering(sized(HELLO))) as port:
        proxies = Proxies({"http": "http://proxy.invalid"}, "127.0.0.1")
        async with open_transport(proxies=proxies) as transport:
            model = model_over(transport, f"http://127.0.0.1:{port}/v1")
            async with model.stream(call()) as stream:
                assert isinstance([event async for event in stream][-1], Finished)


async def test_an_answer_through_a_proxy_can_be_left_half_read() -> None:
    gone = trio.Event()

    async def proxy(stream: trio.abc.Stream) -> None:
        await request_on(stream)
        await stream.send_all(CHUNKED + piece(HELLO[:200]))
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            pass
        gone.set()

    async with serving(proxy) as port:
        proxies = Proxies({"all": f"http://127.0.0.1:{port}"})
        async with open_transport(proxies=proxies) as transport:
            async with model_over(transport).stream(call()) as stream:
                await anext(stream)
            with trio.fail_after(5):
                await gone.wait()


async def test_an_answer_through_a_proxy_can_be_cancelled() -> None:
    async with serving(answering(CHUNKED, piece(HELLO[:200]), 1e6)) as port:
        proxies = Proxies({"all": f"http://127.0.0.1:{port}"})
        async with open_transport(proxies=proxies) as transport:
            with trio.move_on_after(0.1) as scope:
                async with model_over(transport).stream(call()) as stream:
                    async for _ in stream:
                        pass
    assert scope.cancelled_caught
