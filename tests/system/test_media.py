"""A picture that a call names by address comes to a provider that cannot fetch it, over real sockets."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
import trio

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.http_peer import request_on, sized
from tests.support.http_sockets import serving
from tests.support.system_gateway import ask, in_thread, open_gateway, refusal, stub

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
ANSWER = {
    "id": "x",
    "model": "m",
    "choices": [{"message": {"role": "assistant", "content": "A cat."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}


class World:
    """A site with a picture, and a provider that answers all."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.fetched = 0

    async def site(self, stream: trio.abc.Stream) -> None:
        """Give the picture, or what is at another path."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += bytes(await stream.receive_some())
        self.fetched += 1
        if data.startswith(b"GET /cat.png "):
            await stream.send_all(sized(PNG, content_type="image/png"))
        else:
            await stream.send_all(sized(b"<html>", "404 Not Found", content_type="text/html"))

    async def provider(self, stream: trio.abc.Stream) -> None:
        """Answer."""
        while (request := await request_on(stream)) is not None:
            self.bodies.append(json.loads(request.partition(b"\r\n\r\n")[2]))
            await stream.send_all(sized(json.dumps(ANSWER).encode()))


def picture(uri: str, mime_type: str = "") -> pb.LLMRequest:
    part = pb.ContentPart(media=pb.Media(uri=uri, mime_type=mime_type))
    said = [pb.ChatMessage(role="user", parts=[pb.ContentPart(text="What is it?"), part])]
    return ask("far", "m", messages=said)


def settings(port: int, **media: Any) -> Mapping[str, Any]:
    far = {"kind": "compatible", "base_url": f"http://127.0.0.1:{port}/v1", "models": ["m"]}
    blind = {**far, "refuses": ["images"]}
    return {
        "local": {"enabled": False},
        "media": {"allow_loopback": True, **media},
        "providers": {"far": far, "blind": blind},
    }


async def test_a_picture_by_address_is_given_as_data() -> None:
    world = World()
    async with (
        serving(world.site) as site,
        serving(world.provider) as port,
        open_gateway(settings(port)) as gateway,
    ):
        with stub(gateway.address) as client:
            uri = f"http://127.0.0.1:{site}/cat.png"
            answer = await in_thread(client.invoke, picture(uri), timeout=20)
    assert answer.content == "A cat."
    (body,) = world.bodies
    _, part = body["messages"][0]["content"]
    data = base64.b64encode(PNG).decode()
    assert part == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    assert len(gateway.log.records) == 1


async def test_what_cannot_be_had_is_the_callers_error_and_was_never_tried() -> None:
    world = World()
    async with (
        serving(world.site) as site,
        serving(world.provider) as port,
        open_gateway(settings(port)) as gateway,
    ):
        with stub(gateway.address) as client:

            async def fields(uri: str, **more: Any) -> Mapping[str, str]:
                request = picture(uri, **more)
                failed = await in_thread(refusal, lambda: client.invoke(request, timeout=20))
                assert failed.code is grpc.StatusCode.INVALID_ARGUMENT
                assert failed.reason == "CALLER_INVALID_REQUEST"
                return failed.fields

            path = "messages[0].parts[1].media"
            gone = await fields(f"http://127.0.0.1:{site}/gone.png")
            assert "answers 404" in gone[f"{path}.uri"]
            inside = await fields("https://10.0.0.1/cat.png")
            assert "only a public https address" in inside[f"{path}.uri"]
            unlike = await fields(f"http://127.0.0.1:{site}/cat.png", mime_type="application/pdf")
            assert "is image/png, and mime_type says application/pdf" in unlike[f"{path}.mime_type"]
            assert world.fetched == 2
            blind = picture(f"http://127.0.0.1:{site}/cat.png")
            blind.provider = "blind"
            failed = await in_thread(refusal, lambda: client.invoke(blind, timeout=20))
            assert failed.code is grpc.StatusCode.INVALID_ARGUMENT
            # A model that sees no pictures is told so before anything is fetched.
            assert world.fetched == 2
    assert world.bodies == []
    assert gateway.log.records == ()


@pytest.mark.parametrize("fetch", ["off"])
async def test_nothing_is_fetched_where_that_is_off(fetch: str) -> None:
    world = World()
    async with (
        serving(world.site) as site,
        serving(world.provider) as port,
        open_gateway(settings(port, fetch=fetch)) as gateway,
    ):
        with stub(gateway.address) as client:
            uri = f"http://127.0.0.1:{site}/cat.png"
            await in_thread(client.invoke, picture(uri), timeout=20)
    assert world.fetched == 0
    assert world.bodies[0]["messages"][0]["content"][1]["image_url"]["url"] == uri
