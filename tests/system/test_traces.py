"""Traces of a real server, with a real client, an upstream and a collector: all over sockets."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.cli_runs import CONFIG, serving
from tests.support.collector import Collector, collecting, told
from tests.support.planted import MARK, planted
from tests.support.system_gateway import ask, stub

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
UNKEPT = f"00-{TRACE}-00f067aa0ba902b7-00"


class Upstream(BaseHTTPRequestHandler):
    """A provider that fails at first and then answers; it keeps the headers it was sent."""

    seen: list[dict[str, str]]
    failures: list[int]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        status = self.failures.pop() if self.failures else 200
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }
        answer = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "gpt-there",
            "choices": [choice],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
        body = json.dumps(answer if status == 200 else {"error": {"message": "busy"}}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def upstream(*failures: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Give an address, and what was sent to it."""
    seen: list[dict[str, str]] = []
    handler = type("Handler", (Upstream,), {"seen": seen, "failures": list(failures)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", seen
        finally:
            server.shutdown()
            thread.join()


def config(collector_url: str, provider_url: str = "http://127.0.0.1:1", more: str = "") -> str:
    return f"""{CONFIG}
[traces]
enabled = true
endpoint = "{collector_url}"
{more}

[providers.there]
kind = "compatible"
base_url = "{provider_url}"
"""


def by_kind(collector: Collector, kind: "Span.SpanKind.ValueType") -> list[Span]:
    return [span for span in collector.spans if span.kind == kind]


def test_a_call_is_one_trace_with_its_attempts_as_children(tmp_path: Path) -> None:
    with (
        collecting() as collector,
        upstream() as (url, seen),
        serving(tmp_path, config(collector.url, url), OTEL_BSP_SCHEDULE_DELAY="50") as server,
    ):
        with stub(server.address) as client:
            client.invoke(
                ask("there", "gpt", temperature=0.5, max_tokens=9),
                metadata=[
                    ("traceparent", PARENT),
                    ("tracestate", "vendor=1"),
                    ("x-request-id", "r1"),
                ],
            )
        call_span, attempt = sorted(collector.wait_for(2), key=lambda span: span.kind)
        server.stop()
        lines = [json.loads(line) for line in server.log().splitlines()]
    assert call_span.kind == Span.SPAN_KIND_SERVER
    assert call_span.name == "llmservice.v1.LLMService/Invoke"
    assert call_span.trace_id.hex() == attempt.trace_id.hex() == TRACE
    assert call_span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert call_span.trace_state == "vendor=1"
    assert attempt.kind == Span.SPAN_KIND_CLIENT
    assert attempt.name == "chat gpt"
    assert attempt.parent_span_id == call_span.span_id
    assert call_span.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.end_time_unix_nano <= call_span.end_time_unix_nano
    said = told(call_span.attributes)
    assert said["rpc.system.name"] == "grpc"
    assert said["rpc.method"] == "llmservice.v1.LLMService/Invoke"
    assert said["rpc.response.status_code"] == "OK"
    assert said["client.address"] == "127.0.0.1"
    assert (said["llmservice.request_id"], said["llmservice.attempts"]) == ("r1", 1)
    asked = told(attempt.attributes)
    assert asked["gen_ai.operation.name"] == "chat"
    assert asked["gen_ai.provider.name"] == "there"
    assert (asked["gen_ai.request.model"], asked["gen_ai.response.model"]) == ("gpt", "gpt-there")
    assert asked["gen_ai.response.id"] == "chatcmpl-1"
    assert list(asked["gen_ai.response.finish_reasons"]) == ["stop"]
    assert (asked["gen_ai.request.temperature"], asked["gen_ai.request.max_tokens"]) == (0.5, 9)
    assert (asked["gen_ai.usage.input_tokens"], asked["gen_ai.usage.output_tokens"]) == (7, 3)
    assert (asked["server.address"], asked["llmservice.outcome"]) == ("127.0.0.1", "served")
    assert [event.name for event in attempt.events] == ["first_token"]
    # What the provider is told is the attempt's own place, and what others have said of the trace.
    assert seen[0]["traceparent"] == f"00-{TRACE}-{attempt.span_id.hex()}-01"
    assert seen[0]["tracestate"] == "vendor=1"
    assert collector.resource["service.name"] == "llmservice"
    (line,) = [each for each in lines if each["message"] == "call"]
    assert line["trace_id"] == TRACE


def test_failures_say_whose_they_are(tmp_path: Path) -> None:
    with (
        collecting() as collector,
        serving(tmp_path, config(collector.url), OTEL_BSP_SCHEDULE_DELAY="50") as server,
    ):
        with stub(server.address) as client:
            for model in ("broken", "none"):
                with pytest.raises(grpc.RpcError):
                    list(client.stream(ask("demo", model)))
            with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError):
                channel.unary_unary("/any.Thing/Whatever", bytes, bytes)(b"")
        server.stop()
        calls = by_kind(collector, Span.SPAN_KIND_SERVER)
        attempts = by_kind(collector, Span.SPAN_KIND_INTERNAL)
    broken, none, missing = sorted(calls, key=lambda span: span.start_time_unix_nano)
    assert broken.status.code == Status.STATUS_CODE_ERROR
    assert told(broken.attributes)["error.type"] == "PROVIDER_OVERLOADED"
    assert {told(each.attributes)["error.type"] for each in attempts} == {"PROVIDER_OVERLOADED"}
    assert {each.parent_span_id for each in attempts} == {broken.span_id}
    # The caller's mistake is no error of the server's.
    assert none.status.code == Status.STATUS_CODE_UNSET
    assert told(none.attributes)["error.type"] == "CALLER_MODEL_UNKNOWN"
    # Whoever calls what is not there cannot make up names of spans.
    assert missing.name == "_OTHER"
    assert told(missing.attributes)["rpc.method_original"] == "any.Thing/Whatever"


def test_what_its_maker_does_not_keep_is_not_kept_but_passed_on(tmp_path: Path) -> None:
    with (
        collecting() as collector,
        upstream() as (url, seen),
        serving(
            tmp_path,
            config(collector.url, url, "sample_ratio = 0.0"),
            OTEL_BSP_SCHEDULE_DELAY="50",
        ) as server,
    ):
        with stub(server.address) as client:
            client.invoke(ask("there", "gpt"), metadata=[("traceparent", UNKEPT)])
            client.invoke(ask("there", "gpt"), metadata=[("traceparent", "00-nonsense")])
            client.invoke(ask("there", "gpt"))
            client.invoke(ask("there", "gpt"), metadata=[("traceparent", PARENT)])
        server.stop()
    assert len(collector.spans) == 2
    assert [each.get("traceparent", "")[-2:] for each in seen] == ["00", "", "", "01"]
    assert seen[0]["traceparent"] == UNKEPT


def test_a_collector_that_is_away_is_told_once_and_costs_no_call(tmp_path: Path) -> None:
    headers = planted("collector")
    with (
        collecting() as collector,
        serving(
            tmp_path,
            config(collector.url, more='headers_env = "COLLECTOR_HEADERS"\ntimeout_s = 1.0'),
            COLLECTOR_HEADERS=f"authorization=Bearer {headers}",
            OTEL_BSP_SCHEDULE_DELAY="20",
        ) as server,
    ):
        collector.status = 400
        with stub(server.address) as client:
            for _ in range(3):
                client.invoke(ask("demo", "hello"))
                before = collector.asked
                wait_until_asked(collector, before)
        server.wait_for("the collector does not take traces")
        collector.status = 200
        with stub(server.address) as client:
            client.invoke(ask("demo", "hello"))
        server.wait_for("traces are taken again")
        assert server.stop() == 0
        assert server.log().count("the collector does not take traces") == 1
        assert MARK not in server.log()
    assert collector.headers["authorization"] == f"Bearer {headers}"


def wait_until_asked(collector: Collector, before: int) -> None:
    end = time.monotonic() + 0.3
    while collector.asked <= before and time.monotonic() < end:
        time.sleep(0.01)


def test_no_content_is_in_a_span(tmp_path: Path) -> None:
    with collecting() as collector, serving(tmp_path, config(collector.url)) as server:
        with stub(server.address) as client:
            client.invoke(ask("demo", "hello", "very private"))
        server.stop()
    assert len(collector.spans) == 2
    shown = "".join(map(str, collector.spans))
    assert "private" not in shown
    assert "world" not in shown
