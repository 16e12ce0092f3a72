"""Every metric that the service counts by itself: its name, its labels, its buckets, and what it says.

Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ (names, attributes, bounds of the
``gen_ai_`` ones, written as Prometheus writes them), https://prometheus.io/docs/practices/naming/
"""

from adapters.telemetry.prometheus.series import Kind, Spec

_OPERATION_BOUNDS = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
_TOKEN_BOUNDS = tuple(4.0**power for power in range(14))
_FIRST_CHUNK_BOUNDS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_CHUNK_BOUNDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
_RPC_BOUNDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0),
)
_OURS_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_WAIT_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
_MODEL = ("provider", "model")


def _counter(name: str, text: str, *labels: str) -> Spec:
    return Spec(Kind.COUNTER, name, text, labels)


def _histogram(name: str, text: str, bounds: tuple[float, ...], *labels: str) -> Spec:
    return Spec(Kind.HISTOGRAM, name, text, labels, bounds)


RPC_REQUESTS = _counter(
    "llm_rpc_requests",
    "Calls ended, by gRPC method, status code and reason (empty: served).",
    "method",
    "code",
    "reason",
)
RPC_DURATION = _histogram(
    "llm_rpc_duration_seconds",
    "From a call's headers to its status, in seconds, by gRPC method.",
    _RPC_BOUNDS,
    "method",
)
STREAMS_ACTIVE = Spec(
    Kind.GAUGE, "llm_streams_active", "Calls in flight now, by gRPC method.", ("method",)
)
OVERHEAD = _histogram(
    "llm_gateway_overhead_seconds",
    "Time of a call that was ours, in seconds: all of it without the attempts at providers, the wait for"
    " limits and the pauses between attempts.",
    _OURS_BOUNDS,
)
ATTEMPTS = _counter(
    "llm_upstream_attempts",
    "Attempts at providers that ended, by outcome and reason (empty: served).",
    *_MODEL,
    "outcome",
    "reason",
)
RESORTS = _counter(
    "llm_upstream_resorts",
    "What was done where an attempt alone did not do: retry, fallback, hedge, or skip of a route; by the"
    " provider that is tried next or skipped, and why.",
    "kind",
    "provider",
    "reason",
)
TOKENS = _counter(
    "llm_tokens",
    "Tokens of the account, by type; cache_read and cache_write are contained in input, reasoning in output.",
    *_MODEL,
    "type",
)
COST = _counter(
    "llm_cost_usd", "Cost of the account in US dollars, where the price is known.", *_MODEL
)
CALLER_REQUESTS = _counter(
    "llm_caller_requests", "Calls ended, by caller and status code.", "caller", "code"
)
CALLER_TOKENS = _counter(
    "llm_caller_tokens", "Tokens of the account, input and output, by caller.", "caller", "type"
)
CALLER_COST = _counter(
    "llm_caller_cost_usd", "Cost of the account in US dollars, by caller.", "caller"
)
LIMITER_WAITS = _histogram(
    "llm_limiter_waits_seconds",
    "Wait for our limits of an attempt that they let in, in seconds.",
    _WAIT_BOUNDS,
)
LIMITER_REJECTIONS = _counter(
    "llm_limiter_rejections", "Attempts that our limits did not let in, by reason.", "reason"
)
CACHE_REQUESTS = _counter(
    "llm_cache_requests",
    "Calls that asked for more than a provider, by where their answer came from.",
    "status",
)
OPERATION_DURATION = _histogram(
    "gen_ai_client_operation_duration_seconds",
    "Duration of an attempt at a provider, in seconds; error_type is empty where it was served.",
    _OPERATION_BOUNDS,
    *_GEN_AI,
    "error_type",
)
TOKEN_USAGE = _histogram(
    "gen_ai_client_token_usage",
    "Tokens that an attempt used, by type.",
    _TOKEN_BOUNDS,
    *_GEN_AI,
    "gen_ai_token_type",
)
FIRST_CHUNK = _histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "From the beginning of a streamed attempt to its first content, in seconds.",
    _FIRST_CHUNK_BOUNDS,
    *_GEN_AI,
)
PER_CHUNK = _histogram(
    "gen_ai_client_operation_time_per_output_chunk_seconds",
    "Time per chunk after the first of a streamed attempt, in seconds: its mean, once for each chunk.",
    _CHUNK_BOUNDS,
    *_GEN_AI,
)
LOOP_LAG = _histogram(
    "llm_event_loop_lag_seconds",
    "By how much the event loop was late to wake who had slept, in seconds.",
    _LAG_BOUNDS,
)


def _gauge(name: str, text: str, *labels: str) -> Spec:
    return Spec(Kind.GAUGE, name, text, labels)


# What is not counted, but looked at when somebody asks.
BUILD = _gauge("llm_build_info", "The version of the service; always 1.", "version")
RECORDS_WAITING = _gauge(
    "llm_usage_records_waiting", "Usage records in memory, not kept anywhere yet."
)
RECORDS_WRITTEN = _counter("llm_usage_records_written", "Usage records in the database.")
RECORDS_JOURNALED = _counter(
    "llm_usage_records_journaled", "Usage records that went to the journal first."
)
LOG_LINES_DROPPED = _counter(
    "llm_log_lines_dropped",
    "Lines of the log that were dropped, since nobody read them fast enough.",
)
RECORDS_LOST = _counter(
    "llm_usage_records_lost", "Usage records that are in neither and gone; must stay 0."
)
JOURNAL_BYTES = _gauge(
    "llm_usage_journal_bytes", "Bytes in the journal that the database does not have yet."
)
DATABASE_AWAY = _gauge(
    "llm_usage_database_away", "Whether the usage database could not be written to when last tried."
)
COMMIT_DURATION = _gauge(
    "llm_usage_last_commit_seconds",
    "How long the last transaction of usage records took, in seconds.",
)
LIMITER_AWAY = _gauge(
    "llm_limiter_away", "Whether the Redis that limits are kept in does not answer."
)
DRAINS_ACTIVE = _gauge(
    "llm_drains_active", "Answers that are read on for the account, whose callers have left."
)
DRAINS_REFUSED = _counter(
    "llm_drains_refused", "Answers whose callers had left, and for which there was no room."
)
CONNECTIONS = _gauge("llm_connections", "Connections of gRPC clients.")
BYTES_HELD = _gauge(
    "llm_buffered_bytes", "Bytes held for all gRPC clients together, by direction.", "direction"
)
TASKS = _gauge("llm_tasks", "Tasks of the event loop.")
READY = _gauge("llm_ready", "Whether calls are taken.")

# Where several processes are one server; the supervisor says these.
WORKER_UP = _gauge(
    "llm_worker_up",
    "Whether a worker answers its supervisor; while it does not, its numbers are the last that it said.",
    "worker",
)
WORKER_STARTS = _counter(
    "llm_worker_starts", "How often a worker was started, the first time among them.", "worker"
)
WORKER_STREAMS = _gauge("llm_worker_streams_active", "Calls in flight now, by worker.", "worker")
WORKER_MEMORY = _gauge(
    "llm_worker_resident_memory_bytes", "Resident memory of a worker, in bytes.", "worker"
)
