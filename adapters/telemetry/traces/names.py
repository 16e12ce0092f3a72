"""What OpenTelemetry calls what we know of calls and attempts; what is unknown is left out.

Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (client inference, embeddings) and
https://opentelemetry.io/docs/specs/semconv/rpc/ (server spans), as of semantic conventions 1.44.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs

from domain.model.call import ChatCall
from domain.model.chat import JsonObjectFormat, JsonSchemaFormat
from domain.model.embedding import EmbeddingCall
from domain.model.usage import Attempt
from domain.model.watch import LiveAttempt
from ports.telemetry import CallEnd, LiveCall

Value: TypeAlias = str | bool | int | float | Sequence[str]
Attributes: TypeAlias = Mapping[str, Value]

PROVIDERS: Mapping[str, str] = {"gemini": "gcp.gemini", "mistral": "mistral_ai"}
"""Kinds of providers that the conventions call otherwise than we do."""
ERRORS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
"""Codes that are errors of a server's span; the others are the caller's."""
_OTHER = "_OTHER"


@attrs.frozen
class Place:
    """Where a provider is, and what the conventions call it.

    Attributes:
        address: Host name; empty: in this process.
    """

    kind: str
    address: str = ""
    port: int = 0


def rpc_name(method: str, code: str) -> str:
    """Return the name of a call's span; a method that is not there could be called anything."""
    return _OTHER if code == "UNIMPLEMENTED" else method


def of_call(call: LiveCall) -> Attributes:
    """Return what is known of `call` when it begins."""
    found: dict[str, Value] = {"rpc.system.name": "grpc", "rpc.method": call.method}
    address, _, port = call.peer.rpartition(":")
    found["client.address"] = address.strip("[]") or call.peer
    if port.isdecimal():
        found["client.port"] = int(port)
    return found


def of_end(call: LiveCall, end: CallEnd) -> Attributes:
    """Return what is known of `call` once it is over."""
    found: dict[str, Value] = {
        "rpc.response.status_code": end.code,
        "llmservice.request_id": call.request_id,
        "llmservice.caller": call.caller.name,
    }
    if end.reason:
        found["error.type"] = end.reason
    if end.code == "UNIMPLEMENTED":
        found["rpc.method"], found["rpc.method_original"] = _OTHER, call.method
    asked = call.asked
    if asked is not None:
        ledger = asked.ledger
        found["llmservice.attempts"] = len(ledger.attempts)
        found["llmservice.queued_s"] = ledger.queued_s
        if ledger.cache_status is not None:
            found["llmservice.cache"] = ledger.cache_status.value
    return found


def of_request(
    live: LiveAttempt, place: Place, asked: ChatCall | EmbeddingCall | None
) -> Attributes:
    """Return what is known of an attempt when it begins."""
    found: dict[str, Value] = {
        "gen_ai.operation.name": live.operation.value,
        "gen_ai.provider.name": PROVIDERS.get(place.kind, place.kind),
        "gen_ai.request.model": live.model,
    }
    if place.address:
        found["server.address"], found["server.port"] = place.address, place.port
    if live.streamed:
        found["gen_ai.request.stream"] = True
    if isinstance(asked, ChatCall):
        found.update(_parameters(asked))
    elif asked is not None and asked.request.dimensions is not None:
        found["gen_ai.embeddings.dimension.count"] = asked.request.dimensions
    return found


def of_attempt(live: LiveAttempt, attempt: Attempt) -> Attributes:
    """Return what is known of an attempt once it is over."""
    usage = attempt.usage
    known: Mapping[str, Value | None] = {
        "gen_ai.response.id": live.response_id or None,
        "gen_ai.response.model": live.reported_model or None,
        # One for each answer that was asked for, which is one.
        "gen_ai.response.finish_reasons": (live.finish_reason,) if live.finish_reason else None,
        "llmservice.upstream_request_id": attempt.upstream_request_id or None,
        "gen_ai.response.time_to_first_chunk": attempt.first_token_s,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "http.response.status_code": attempt.upstream_status or None,
        "llmservice.outcome": attempt.outcome.value,
        "llmservice.credential": attempt.credential_alias or None,
        "llmservice.cost_usd": None if usage.cost_nano_usd is None else usage.cost_nano_usd / 1e9,
        "error.type": None if attempt.error_reason is None else attempt.error_reason.name,
    }
    return {name: value for name, value in known.items() if value is not None}


def _parameters(call: ChatCall) -> Attributes:
    request = call.request
    known: Mapping[str, Value | None] = {
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.top_p": request.top_p,
        "gen_ai.request.top_k": request.top_k,
        "gen_ai.request.seed": request.seed,
        "gen_ai.request.frequency_penalty": request.frequency_penalty,
        "gen_ai.request.presence_penalty": request.presence_penalty,
        "gen_ai.output.type": _output(call),
    }
    return {name: value for name, value in known.items() if value is not None}


def _output(call: ChatCall) -> str:
    as_json = isinstance(call.request.response_format, JsonObjectFormat | JsonSchemaFormat)
    return "json" if as_json else "text"
