"""Settings of the traces, section ``[traces]``."""

import re
from typing import Any
from urllib.parse import urlsplit

import attrs
from attrs.validators import ge, gt, le, optional

_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")


def _endpoint(_: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not value:
        return
    try:
        parts = urlsplit(value)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        fit = fit and (parts.port is None or parts.port > 0) and not (parts.query or parts.fragment)
    except ValueError:
        fit = False
    if not fit:
        # What is wrong is never shown: it may hold a password.
        raise ValueError(
            f"'{attribute.name}' must be http://HOST:PORT or https://HOST:PORT, with a path if it is not"
            " /v1/traces; what proves who we are belongs into the variable that headers_env names"
        )


def _variable(_: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"'{attribute.name}' must be the name of a variable")


@attrs.frozen(kw_only=True)
class TraceSettings:
    """Spans of calls and attempts, sent to a collector; needs ``llmservice[otel]``.

    What is not set here is what OpenTelemetry's own variables say, e.g. ``OTEL_EXPORTER_OTLP_ENDPOINT``.

    Attributes:
        enabled: Whether there are any.
        endpoint: Of the collector (OTLP over HTTP); empty: the variables', else ``http://localhost:4318``.
        headers_env: Variable that holds the headers of each batch: ``name=value``, several by commas.
        sample_ratio: Of calls that come without a trace, how many are kept; calls that come with one are kept
            if that is.
        service_name: What the service is called there; empty: the variables', else ``llmservice``.
        timeout_s: For a batch, tries and all, in seconds.
        max_queue: Spans that wait, at most; more are dropped.
        flush_s: How long the end of the program waits for the last spans, in seconds.
    """

    enabled: bool = False
    endpoint: str = attrs.field(default="", validator=_endpoint)
    headers_env: str = attrs.field(default="", validator=_variable)
    sample_ratio: float = attrs.field(default=1.0, validator=[ge(0), le(1)])
    service_name: str = ""
    timeout_s: float | None = attrs.field(default=None, validator=optional([gt(0), le(300)]))
    max_queue: int | None = attrs.field(default=None, validator=optional(ge(512)))
    flush_s: float = attrs.field(default=2.0, validator=[gt(0), le(60)])
