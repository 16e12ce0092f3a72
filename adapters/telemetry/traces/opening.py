"""Spans leave in a thread: OTLP as protobuf over HTTP, in batches, from a bounded queue.

Laws: a collector that is away costs spans and no call; that it is away is told once, and once that it is
back; the end waits for the last spans only as long as it may. OpenTelemetry's variables (``OTEL_...``) hold
wherever the settings are silent.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import attrs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

_PATH = "/v1/traces"
_NAME = "llmservice"


@attrs.frozen(kw_only=True)
class Sending:
    """Where spans go; ``None`` and empty leave a choice to OpenTelemetry's variables.

    Attributes:
        endpoint: Of the collector; without a path, OTLP's own is taken.
        headers: Sent with every batch; may be secret.
        timeout_s: For one batch, tries and all.
        max_queue: Spans that wait, at most; more are dropped.
        flush_s: How long the end waits for the last ones, in seconds.
        service_name: What the service is called there.
    """

    endpoint: str = ""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    timeout_s: float | None = None
    max_queue: int | None = None
    flush_s: float = 2.0
    service_name: str = ""
    version: str = ""


@contextmanager
def open_tracer(sending: Sending, tell: Callable[[str], None]) -> Iterator[Tracer]:
    """Have spans sent while the block runs.

    Args:
        sending: Where to.
        tell: Told in a sentence, from another thread, what ceases or begins to work.
    """
    library = logging.getLogger("opentelemetry")
    before, library.level = library.level, logging.CRITICAL
    exporter = OTLPSpanExporter(
        endpoint=_address(sending.endpoint),
        headers=dict(sending.headers) or None,
        timeout=sending.timeout_s,
    )
    provider = TracerProvider(
        sampler=ALWAYS_ON, resource=_resource(sending), shutdown_on_exit=False
    )
    provider.add_span_processor(
        BatchSpanProcessor(_Telling(exporter, tell), max_queue_size=sending.max_queue)
    )
    try:
        yield provider.get_tracer(_NAME, sending.version)
    finally:
        _end(provider, exporter, sending.flush_s)
        library.level = before


def _end(provider: TracerProvider, exporter: OTLPSpanExporter, flush_s: float) -> None:
    # In a thread, since it waits for the batch that is on its way for as long as that takes.
    ending = threading.Thread(target=provider.shutdown, name="traces-end", daemon=True)
    ending.start()
    ending.join(flush_s)
    if ending.is_alive():
        # No more tries of what is on its way.
        exporter.shutdown()  # type: ignore[no-untyped-call]


def _address(endpoint: str) -> str | None:
    if not endpoint:
        return None
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + _PATH


def _resource(sending: Sending) -> Resource:
    said = {SERVICE_VERSION: sending.version} if sending.version else {}
    named = os.environ.get("OTEL_SERVICE_NAME") or SERVICE_NAME in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    if sending.service_name or not named:
        said[SERVICE_NAME] = sending.service_name or _NAME
    return Resource.create(said)


@attrs.define(eq=False)
class _Telling(SpanExporter):
    """Sends, and tells when that ceases or begins to work."""

    _exporter: SpanExporter
    _tell: Callable[[str], None]
    _lost: int = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._lost:
                self._tell(f"traces are taken again; {self._lost} spans were lost")
            self._lost = 0
        else:
            if not self._lost:
                self._tell("the collector does not take traces; they are lost until it does")
            self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
