"""A collector of traces: takes OTLP over HTTP and keeps what came."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE_S = 20.0


@attrs.define(eq=False)
class Collector:
    """What has come.

    Attributes:
        url: Of the collector.
        headers: Of the last batch.
        resource: Whose spans they are.
        status: What is answered.
    """

    url: str = ""
    spans: list[Span] = attrs.field(factory=list)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    resource: Mapping[str, Any] = attrs.field(factory=dict)
    status: int = 200
    asked: int = 0
    _arrived: threading.Condition = attrs.field(factory=threading.Condition)

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Keep one batch; return the status of its answer."""
        with self._arrived:
            self.asked += 1
            self.headers = headers
            if self.status == 200:
                for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                    self.resource = told(each.resource.attributes)
                    self.spans += [span for scope in each.scope_spans for span in scope.spans]
            self._arrived.notify_all()
            return self.status

    def wait_for(self, count: int) -> Sequence[Span]:
        """Wait until there are as many spans; return all."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.spans) >= count, PATIENCE_S), self.spans
            return list(self.spans)


def told(attributes: Any) -> Mapping[str, Any]:
    """Return attributes as they were meant."""
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Have a collector listen while the block runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            fit = self.path == "/v1/traces"
            self.send_response(collector.take(dict(self.headers), body) if fit else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
