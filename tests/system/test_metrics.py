"""The metrics of a real server: equal to its account, clean by Prometheus' own tools, there to the end."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import attrs
import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import Running, serving, wait_until
from tests.support.http_side import http_address
from tests.support.system_gateway import Stub, ask, stub

CONFIG = """
[account]
database = "sqlite:///{folder}/usage.db"

[local]
enabled = false

[prices."demo/*"]
input_usd = 0.123
output_usd = 4.567

[callers.anna]
token_sha256 = "{digest}"

[callers.bert]
token_sha256 = "{other}"
requests_per_minute = 20

[limits]
max_queue_s = 0.0

[retry]
max_attempts = 1

[http]
caller_metrics = 10

[providers.demo]
kind = "scripted"

[providers.demo.models]
said = [{{ say = "one two three" }}, {{ say = " four" }}]
counted = [{{ say = "x" }}, {{ usage = {{ output_tokens = 11, cache_read_tokens = 3 }} }}]
broken = [{{ say = "one" }}, {{ fail = {{ reason = "PROVIDER_OVERLOADED" }} }}]
refused = [{{ fail = {{ reason = "PROVIDER_RATE_LIMITED", status = 429 }} }}]
cut = [{{ say = "one two" }}, {{ cut = true }}]
slow = [{{ say = "one two three" }}, {{ wait_s = 60.0 }}]
"""
CALLS = 500
KINDS = (
    "said",
    "counted",
    "broken",
    "refused",
    "cut",
    "slow",
    "whole",
    "missing",
    "elsewhere",
    "limited",
)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def token(name: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {name}"), ("traceparent", PARENT)]


@attrs.frozen
class Seen:
    """What a server says of itself.

    Attributes:
        address: Of its HTTP side.
    """

    running: Running
    address: str

    def text(self, accept: str = "") -> str:
        return fetched(self.address, accept)


def fetched(address: str, accept: str = "") -> str:
    asked = Request(f"http://{address}/metrics", headers={"accept": accept} if accept else {})
    with urlopen(asked, timeout=20) as answer:
        return str(answer.read().decode())


@lru_cache(4)
def numbers(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def summed(text: str, name: str, **labels: str) -> float:
    """Return the sum over all label sets that hold `labels`."""
    return sum(
        value
        for (which, held), value in numbers(text).items()
        if which == name and labels.items() <= dict(held).items()
    )


def play(server: Stub, kind: str) -> str:
    """Make one call; return its status' name."""
    caller = "bert" if kind == "limited" else "anna"
    model = {"whole": "said", "missing": "none", "elsewhere": "said", "limited": "said"}.get(
        kind, kind
    )
    request = ask("nowhere" if kind == "elsewhere" else "demo", model)
    try:
        if kind in ("whole", "refused"):
            server.invoke(request, metadata=token(caller))
        else:
            call: Any = server.stream(request, metadata=token(caller))
            for message in call:
                if kind == "slow" and message.content:
                    call.cancel()
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("metrics")
    config = CONFIG.format(
        folder=folder,
        digest=sha256(b"anna").hexdigest(),
        other=sha256(b"bert").hexdigest(),
    )
    with serving(folder, config) as running:
        yield Seen(running, http_address(running))


@pytest.fixture(scope="module")
def ends(seen: Seen) -> Counter[tuple[str, str]]:
    """Make the calls; return how often which kind of them ended how."""
    kinds = [KINDS[number % len(KINDS)] for number in range(CALLS)]
    with stub(seen.running.address) as server, ThreadPoolExecutor(16) as threads:
        codes = list(threads.map(partial(play, server), kinds))
    # Cancelled calls end a moment after their client has gone.
    settled = "llm_streams_active", "llm_usage_records_waiting"
    wait_until(lambda: not any(summed(seen.text(), each) for each in settled), "quiet")
    return Counter(zip(kinds, codes, strict=True))


def recorded(seen: Seen, folder: Path, what: str, where: str = "1") -> list[Any]:
    with sqlite3.connect(f"file:{folder}/usage.db?mode=ro", uri=True) as database:
        return database.execute(f"select {what} from usage_records where {where}").fetchall()


def test_tokens_and_cost_are_exactly_those_of_the_account(
    seen: Seen, ends: Counter[tuple[str, str]]
) -> None:
    folder = seen.running.log_file.parent
    text = seen.text()
    assert ends["said", "OK"] == ends["slow", "CANCELLED"] == CALLS / len(KINDS)
    assert ends["limited", "RESOURCE_EXHAUSTED"] > 0
    models = [each for (each,) in recorded(seen, folder, "distinct model")]
    assert len(models) == 6
    for model in models:
        sums = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
        what = ", ".join(f"coalesce(sum({each}), 0)" for each in (*sums, "cost_nano_usd"))
        ((*tokens, nano_usd),) = recorded(seen, folder, what, f"model = '{model}'")
        kinds = ("input", "output", "cache_read", "reasoning")
        told = [summed(text, "llm_tokens_total", model=model, type=kind) for kind in kinds]
        assert told == tokens
        # In dollars, as the nearest number there is to it.
        assert summed(text, "llm_cost_usd_total", model=model) == nano_usd / 1e9
        usage = [
            summed(
                text,
                "gen_ai_client_token_usage_sum",
                gen_ai_request_model=model,
                gen_ai_token_type=kind,
            )
            for kind in kinds[:2]
        ]
        assert usage == tokens[:2]


def test_attempts_and_calls_are_those_of_the_account_and_of_the_clients(
    seen: Seen, ends: Counter[tuple[str, str]]
) -> None:
    folder, text = seen.running.log_file.parent, seen.text()
    rows = recorded(
        seen, folder, "outcome, coalesce(error_reason, ''), count(*)", "1 group by 1, 2"
    )
    for outcome, reason, count in rows:
        name = "llm_upstream_attempts_total"
        assert summed(text, name, outcome=outcome, reason=reason) == count
    assert summed(text, "llm_usage_records_written_total") == sum(row[2] for row in rows)
    assert summed(text, "llm_usage_records_lost_total") == 0
    for code in {code for _, code in ends}:
        count = sum(number for (_, each), number in ends.items() if each == code)
        assert summed(text, "llm_rpc_requests_total", code=code) == count
        assert summed(text, "llm_caller_requests_total", code=code) == count
    assert summed(text, "llm_rpc_duration_seconds_count") == CALLS
    refusals = ends["limited", "RESOURCE_EXHAUSTED"]
    assert summed(text, "llm_limiter_rejections_total", reason="POLICY_RATE_LIMITED") == refusals
    anna = recorded(seen, folder, "sum(input_tokens)", "caller = 'anna'")[0][0]
    assert summed(text, "llm_caller_tokens_total", caller="anna", type="input") == anna


def test_labels_are_bounded(seen: Seen, ends: Counter[tuple[str, str]]) -> None:
    with grpc.insecure_channel(seen.running.address) as channel:
        for method in ("/a.b/c", "/llmservice.v1.LLMService/Nothing"):
            call: Any = channel.unary_unary(method, pb.LLMRequest.SerializeToString)
            with pytest.raises(grpc.RpcError):
                call(pb.LLMRequest(), metadata=token("anna"))
    text = seen.text()
    labels = [dict(held) for _, held in numbers(text)]
    methods = {each["method"] for each in labels if "method" in each}
    assert methods == {
        "other",
        "llmservice.v1.LLMService/Invoke",
        "llmservice.v1.LLMService/InvokeStream",
    }
    assert "call-" not in text
    # Written whole, it is a page of a few hundred lines.
    assert len(text.splitlines()) < 2_000


def test_examples_lead_to_the_trace(seen: Seen, ends: Counter[tuple[str, str]]) -> None:
    text = seen.text("application/openmetrics-text; version=1.0.0")
    trace = 'trace_id="4bf92f3577b34da6a3ce929d0e0e4736"'
    for name in ("llm_rpc_duration_seconds", "gen_ai_client_operation_duration_seconds"):
        assert any(line.startswith(name) and trace in line for line in text.splitlines())
