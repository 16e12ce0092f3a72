"""The dashboard as code: prints `llmservice.json`, to be imported into Grafana (any from 10 on).

python deploy/grafana/dashboard.py > deploy/grafana/llmservice.json
"""

import json
import sys

WIDTH = 24
HEIGHT = 8
SOURCE = {"type": "prometheus", "uid": "${source}"}
CALLS = 'method=~".*LLMService.*|.*EmbeddingService.*"'
BLAMES = {"caller": "CALLER", "policy": "POLICY", "provider": "PROVIDER", "service": "SERVICE"}

Panel = dict[str, object]
Query = tuple[str, str]


def quantiles(metric: str, by: str = "", where: str = "") -> list[Query]:
    """Return queries for what half, 95 % and 99 % of a histogram stay below."""
    held = f"{{{where}}}" if where else ""
    grown = f"rate({metric}_bucket{held}[$__rate_interval])"
    group = f"le, {by}" if by else "le"
    name = f" {{{{{by}}}}}" if by else ""
    return [
        (
            f"histogram_quantile({quantile}, sum by ({group}) ({grown}))",
            f"p{quantile * 100:g}{name}",
        )
        for quantile in ((0.95,) if by else (0.5, 0.95, 0.99))
    ]


def rate(metric: str, by: str = "", where: str = "") -> Query:
    """Return a query for how fast a counter grows."""
    held = f"{{{where}}}" if where else ""
    over = f" by ({by})" if by else ""
    legend = " ".join(f"{{{{{each.strip()}}}}}" for each in by.split(",")) if by else "all"
    return f"sum{over} (rate({metric}{held}[$__rate_interval]))", legend


def blamed() -> list[Query]:
    """Return the share of calls that fail, by whose fault it is."""
    every = "sum(rate(llm_rpc_requests_total[$__rate_interval]))"
    found: list[Query] = []
    for blame, prefix in BLAMES.items():
        failed, _ = rate("llm_rpc_requests_total", where=f'reason=~"{prefix}_.*"')
        found.append((f"{failed} / {every}", blame))
    return found


def panel(
    title: str, unit: str, queries: list[Query], kind: str = "timeseries", wide: int = 8
) -> Panel:
    """Return one panel; where it stands is found later."""
    return {
        "title": title,
        "type": kind,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "gridPos": {"h": 4 if kind == "stat" else HEIGHT, "w": wide},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expr, "legendFormat": legend, "exemplar": True}
            for place, (expr, legend) in enumerate(queries)
        ],
    }


def stat(title: str, unit: str, expr: str) -> Panel:
    """Return one number."""
    return panel(title, unit, [(expr, "")], "stat", 4)


PANELS = [
    stat("Calls in flight", "short", f"sum(llm_streams_active{{{CALLS}}})"),
    stat("Calls", "reqps", f"sum(rate(llm_rpc_requests_total{{{CALLS}}}[$__rate_interval]))"),
    stat("Cost, an hour", "currencyUSD", "sum(increase(llm_cost_usd_total[1h]))"),
    stat("Tokens, an hour", "short", 'sum(increase(llm_tokens_total{type=~"input|output"}[1h]))'),
    stat("Records lost", "short", "sum(llm_usage_records_lost_total)"),
    stat("Servers that take calls", "short", "sum(llm_ready)"),
    panel("Calls by code", "reqps", [rate("llm_rpc_requests_total", "code")]),
    panel("Failed, by blame", "percentunit", blamed()),
    panel("Failed, by reason", "reqps", [rate("llm_rpc_requests_total", "reason", 'reason!=""')]),
    panel("Duration of calls", "s", quantiles("llm_rpc_duration_seconds", where=CALLS)),
    panel(
        "Time to first chunk, 95 %",
        "s",
        quantiles("gen_ai_client_operation_time_to_first_chunk_seconds", "gen_ai_request_model"),
    ),
    panel(
        "Time per chunk, 95 %",
        "s",
        quantiles("gen_ai_client_operation_time_per_output_chunk_seconds", "gen_ai_request_model"),
    ),
    panel("Time ours", "s", quantiles("llm_gateway_overhead_seconds")),
    panel(
        "Attempts, 95 %",
        "s",
        quantiles("gen_ai_client_operation_duration_seconds", "gen_ai_provider_name"),
    ),
    panel(
        "Attempts by outcome", "reqps", [rate("llm_upstream_attempts_total", "provider, outcome")]
    ),
    panel("Tokens by type", "short", [rate("llm_tokens_total", "type")]),
    panel(
        "Tokens by model",
        "short",
        [rate("llm_tokens_total", "provider, model", 'type=~"input|output"')],
    ),
    panel(
        "Tokens of an attempt",
        "short",
        quantiles("gen_ai_client_token_usage", "gen_ai_token_type"),
    ),
    panel(
        "Cost an hour, by model",
        "currencyUSD",
        [("sum by (provider, model) (increase(llm_cost_usd_total[1h]))", "{{provider}}/{{model}}")],
    ),
    panel("Refused by limits", "reqps", [rate("llm_limiter_rejections_total", "reason")]),
    panel("Wait for limits", "s", quantiles("llm_limiter_waits_seconds")),
    panel("Answers from the cache", "reqps", [rate("llm_cache_requests_total", "status")]),
    panel(
        "Retries, fallbacks, hedges",
        "reqps",
        [rate("llm_upstream_resorts_total", "kind, provider")],
    ),
    panel(
        "Answers read on",
        "short",
        [("sum(llm_drains_active)", "now"), rate("llm_drains_refused_total")],
    ),
    panel(
        "Usage records",
        "short",
        [("sum(llm_usage_records_waiting)", "waiting"), rate("llm_usage_records_written_total")],
    ),
    panel("Journal", "bytes", [("llm_usage_journal_bytes", "{{instance}}")]),
    panel("Event loop lag", "s", quantiles("llm_event_loop_lag_seconds")),
    panel(
        "Workers",
        "short",
        [
            ("sum by (instance) (llm_worker_up)", "answer {{instance}}"),
            ("llm_worker_streams_active", "calls {{instance}} {{worker}}"),
        ],
    ),
    panel("Processor", "percentunit", [rate("process_cpu_seconds_total", "instance")]),
    panel("Memory", "bytes", [("process_resident_memory_bytes", "{{instance}}")]),
    panel(
        "Connections and files",
        "short",
        [
            ("llm_connections", "connections {{instance}}"),
            ("process_open_fds", "files {{instance}}"),
        ],
    ),
]


def placed(panels: list[Panel]) -> list[Panel]:
    """Return `panels` in rows, from left to right."""
    found: list[Panel] = []
    x = y = tall = 0
    for number, each in enumerate(panels, 1):
        size = each["gridPos"]
        assert isinstance(size, dict)
        if x + size["w"] > WIDTH:
            x, y = 0, y + tall
        found.append({**each, "id": number, "gridPos": {**size, "x": x, "y": y}})
        x, tall = x + size["w"], size["h"]
    return found


def dashboard() -> dict[str, object]:
    """Return the whole, as Grafana takes it."""
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return {
        "title": "llmservice",
        "uid": "llmservice",
        "tags": ["llm"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [source]},
        "panels": placed(PANELS),
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=2)
    sys.stdout.write("\n")
