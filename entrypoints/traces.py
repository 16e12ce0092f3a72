"""Traces, where the settings want them: nothing of OpenTelemetry is imported elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from urllib.parse import urlsplit

from entrypoints.natives import NATIVES
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.native import NativeSettings
from entrypoints.settings.providers import ProviderSettings
from entrypoints.settings.traces import TraceSettings
from entrypoints.settings.tree import Settings
from ports.telemetry import Telemetry

_PORTS = {"http": 80, "https": 443}


class TracesUnusable(Exception):
    """Traces cannot be kept; the message says why and what to do, in one line, without secrets."""


@contextmanager
def open_traces(
    settings: Settings, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[Telemetry | None]:
    """Give who keeps traces while the block runs; None: the settings want none.

    Args:
        settings: Say whether and where to.
        environment: May hold secret headers; OpenTelemetry itself reads the process's own.
        tell: Told in a sentence, from another thread, what ceases or begins to work.

    Raises:
        TracesUnusable: OpenTelemetry is not installed, or the headers make no sense.
    """
    traces = settings.traces
    if not traces.enabled or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        yield None
        return
    headers = trace_headers(traces, environment)
    # A tenth of a second: only where it is wanted.
    from adapters.telemetry.traces.names import Place
    from adapters.telemetry.traces.opening import Sending, open_tracer
    from adapters.telemetry.traces.watcher import Traces

    sending = Sending(
        endpoint=traces.endpoint,
        headers=headers,
        timeout_s=traces.timeout_s,
        max_queue=traces.max_queue,
        flush_s=traces.flush_s,
        service_name=traces.service_name,
        version=version("llmservice"),
    )
    places = {name: Place(*place) for name, place in _places(settings, environment)}
    with open_tracer(sending, tell) as tracer:
        yield Traces(tracer, traces.sample_ratio, places)


def trace_headers(settings: TraceSettings, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers that traces are sent with.

    Raises:
        TracesUnusable: They make no sense, or OpenTelemetry is not installed.
    """
    if not _installed():
        raise TracesUnusable(
            "traces.enabled needs OpenTelemetry: install llmservice[otel], or set traces.enabled = false"
        )
    if not settings.headers_env:
        return {}
    held = environment.get(settings.headers_env, "").strip()
    found: dict[str, str] = {}
    for each in filter(None, (piece.strip() for piece in held.split(","))):
        name, equals, value = each.partition("=")
        if not (name.strip() and equals and value.isascii() and value.isprintable()):
            raise TracesUnusable(
                f"{settings.headers_env} (traces.headers_env) must be name=value, several by commas"
            )
        found[name.strip().lower()] = value.strip()
    if not found:
        raise TracesUnusable(f"set {settings.headers_env}, which holds the headers of traces")
    return found


def _installed() -> bool:
    with suppress(ModuleNotFoundError):
        return all(map(find_spec, ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")))
    return False


def _places(
    settings: Settings, environment: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, str, int]]]:
    """Give each provider's name with its kind, and where it is."""
    configured: dict[str, ProviderSettings] = {
        kind: NativeSettings(kind=kind) for kind, each in NATIVES.items() if each.offered
    }
    for name, provider in {**configured, **settings.providers}.items():
        if isinstance(provider, NativeSettings):
            home = NATIVES[provider.kind].home
            url = provider.base_url or environment.get(home.base_url_variable) or home.base_url
            yield name, (provider.kind, *_address(url))
        elif isinstance(provider, CompatibleSettings):
            # The conventions ask for what is behind the dialect, and only its name says that.
            yield name, (name, *_address(provider.base_url))


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", 0
