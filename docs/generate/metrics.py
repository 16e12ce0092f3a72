"""The reference of the metrics, from the table that they are counted by."""

from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.series import Kind, Spec
from docs.generate.markdown import cell, code, table

_HEAD = """# Metrics reference

Made from the table that the service counts by. They are at `http://HOST:9464/metrics`, for
Prometheus and as OpenMetrics (with exemplars of traces). [Operating it](../operate.md#metrics) says
which to look at first. The metrics of callers are there where `http.caller_metrics` is above 0.
Beside these there are `process_*` and `python_*`, as Prometheus' client library has them.
"""


def specs() -> list[Spec]:
    """Return every metric, in the order of the table."""
    return [each for each in vars(names).values() if isinstance(each, Spec)]


def shown(spec: Spec) -> str:
    """Return the name under which a metric is read."""
    return f"{spec.name}_total" if spec.kind is Kind.COUNTER else spec.name


def page() -> str:
    """Return the reference of the metrics."""
    rows = [
        (
            code(shown(each)),
            each.kind.value,
            ", ".join(map(code, each.labels)),
            cell(each.text),
            ", ".join(f"{bound:g}" for bound in each.bounds),
        )
        for each in specs()
    ]
    return _HEAD + "\n" + table(("Name", "Kind", "Labels", "Meaning", "Buckets up to"), rows)
