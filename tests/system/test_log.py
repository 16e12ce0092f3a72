"""The log of a real server: a line for every call, and no secret in any of them, whatever is tried."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import CONFIG, Running, serving
from tests.support.planted import MARK, planted
from tests.support.system_gateway import ask, stub

KEY = planted("sk-provider")
HEADER = planted("header")
TOKEN = planted("llmsk")


class Talkative(BaseHTTPRequestHandler):
    """A provider that says everything it was told, in its headers and in its body."""

    def do_POST(self) -> None:
        told = f"bad key: {self.headers['authorization']}, {self.headers['x-gate']}"
        body = json.dumps({"error": {"message": told, "code": told, "type": told}}).encode()
        self.send_response(401, told)
        self.send_header("x-request-id", told)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def talkative() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Talkative) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def lines(server: Running, message: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in server.log().splitlines()]
    return [each for each in found if each["message"].startswith(message)]


def test_a_call_is_one_line_with_all_there_is_to_say(tmp_path: Path) -> None:
    with serving(tmp_path) as server, stub(server.address) as client:
        client.invoke(ask("demo", "hello"), metadata=[("x-request-id", "one")])
        with pytest.raises(grpc.RpcError):
            list(client.stream(ask("demo", "broken"), metadata=[("x-request-id", "two")]))
        with pytest.raises(grpc.RpcError):
            client.invoke(ask("demo", "none"), metadata=[("x-request-id", "three")])
        server.stop()
        one, two, three = lines(server, "call")
    assert (one["request_id"], one["outcome"], one["level"]) == ("one", "served", "INFO")
    assert (one["provider"], one["model"], one["caller"]) == ("demo", "hello", "anonymous")
    assert (one["code"], one["reason"], one["attempts"]) == ("OK", "", 1)
    assert one["cost_usd"] == pytest.approx(one["output_tokens"] * 5e-6)
    assert 0 <= one["first_token_s"] <= one["total_s"]
    assert one["queued_s"] == 0
    assert "tried" not in one
    assert (two["request_id"], two["outcome"], two["level"]) == ("two", "failed", "WARNING")
    assert two["reason"] == "PROVIDER_OVERLOADED"
    assert two["tried"][-1].startswith("demo/broken failed PROVIDER_OVERLOADED")
    assert (three["outcome"], three["reason"]) == ("refused", "CALLER_MODEL_UNKNOWN")
    assert (three["attempts"], three["model"]) == (0, "none")


def test_content_is_logged_only_where_asked_for_and_never_whole(tmp_path: Path) -> None:
    logs = '[logs]\ncontent = true\ncontent_chars = 40\nhide = ["wor.d"]\n'
    question = f"I am ann@example.org with {KEY}"
    with serving(tmp_path, CONFIG + logs, PROVIDERS_KEY=KEY) as server:
        with stub(server.address) as client:
            client.invoke(ask("demo", "hello", question))
            list(client.stream(ask("demo", "hello", "x" * 1_000)))
        server.stop()
        whole, streamed = lines(server, "call")
    assert whole["question"] == "user: I am [e-mail] with [hidden]"
    assert whole["answer"] == "Hello [hidden]"
    assert (len(streamed["question"]), streamed["answer"]) == (40, "Hello [hidden]")


def test_no_secret_is_in_the_log_whatever_is_tried(tmp_path: Path) -> None:
    with talkative() as url:
        config = f"""{CONFIG}
[retry]
max_attempts = 1

[logs]
level = "TRACE"
libraries = "DEBUG"

[providers.talkative]
kind = "compatible"
base_url = "{url}"
api_key_env = "WHATEVER"
headers = {{ x-gate = {{ env = "GATE" }} }}

[providers.unreachable]
kind = "compatible"
base_url = "http://127.0.0.1:1"
api_key_env = "WHATEVER"
"""
        with serving(tmp_path, config, WHATEVER=KEY, GATE=HEADER) as server:
            for provider in ("talkative", "unreachable"):
                told = failed(server, ask(provider, "m"), ("authorization", f"Bearer {TOKEN}"))
                assert MARK not in told
            failed(server, ask("demo", f"hello-{KEY}"))
            for metadata in (
                ("authorization", TOKEN),
                ("authorization", f"Basic {TOKEN}1="),
                ("grpc-timeout", TOKEN),
                ("x-request-id", f"{KEY} {KEY}"),
            ):
                failed(server, ask("demo", "broken"), metadata)
            with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError):
                channel.unary_unary(
                    f"/llmservice.v1.LLMService/{KEY}",
                    pb.LLMRequest.SerializeToString,
                    pb.LLMResponse.FromString,
                )(ask("demo", "hello"))
            server.stop()
            said = server.log()
            assert said.count('"reason":"PROVIDER_AUTH_FAILED"') == 1
            assert said.count('"reason":"PROVIDER_CONNECTION_FAILED"') == 1
            assert MARK not in said


def failed(server: Running, request: Any, *metadata: tuple[str, str]) -> str:
    """Return all that the caller is told of a call that fails."""
    with stub(server.address) as client:
        try:
            client.invoke(request, metadata=metadata)
        except grpc.RpcError as error:
            return repr((error, error.args))
    raise AssertionError("the call did not fail")
