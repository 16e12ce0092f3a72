"""Two servers on one Redis keep one caller's limits together, over real sockets."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import grpc
import trio

from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import Running, run, serving
from tests.support.planted import planted
from tests.support.redis import RedisServer
from tests.support.system_gateway import Refused, ask, in_thread, refusal

TOKEN = planted("t")
CONFIG = f"""
[account]
database = "memory"
[local]
enabled = false
[providers.play]
kind = "scripted"
[providers.play.models]
hello = [{{ wait_s = 0.02 }}, {{ say = "Hello" }}, {{ usage = {{ input_tokens = 20, output_tokens = 80 }} }}]
slow = [{{ say = "Hello" }}, {{ wait_s = 60.0 }}]
[callers.alice]
token_sha256 = "{sha256(TOKEN.encode()).hexdigest()}"
tokens_per_minute = 6_000
parallel_calls = 4
[limits]
max_queue_s = 0
store = "redis"
redis_lease_s = 1
"""


@contextmanager
def two_servers(folder: Path, url: str) -> Iterator[tuple[Running, Running]]:
    first, second = folder / "1", folder / "2"
    first.mkdir()
    second.mkdir()
    with (
        serving(first, CONFIG, LLMSERVICE_REDIS_URL=url) as one,
        serving(second, CONFIG, LLMSERVICE_REDIS_URL=url) as two,
    ):
        yield one, two


def outcomes(address: str, calls: int) -> Sequence[Refused | pb.LLMResponse]:
    """Call many times at once, as alice."""
    request = ask("play", "hello", "x" * 80, max_tokens=80)
    with grpc.insecure_channel(address) as channel:
        method = channel.unary_unary(
            "/llmservice.v1.LLMService/Invoke",
            pb.LLMRequest.SerializeToString,
            pb.LLMResponse.FromString,
        )
        metadata = (("authorization", f"Bearer {TOKEN}"),)
        asked = [method.future(request, metadata=metadata) for _ in range(calls)]
        return [
            each.result() if each.exception() is None else refusal(each.result) for each in asked
        ]


def spent(outcome: Refused | pb.LLMResponse) -> bool:
    """Whether a call was refused for its tokens, and not for calls beside it."""
    return isinstance(outcome, Refused) and outcome.reason == "POLICY_RATE_LIMITED"


async def test_two_servers_keep_one_callers_limits_together(tmp_path: Path, redis_url: str) -> None:
    found: list[Refused | pb.LLMResponse] = []

    async def load(server: Running) -> None:
        # Until the minute's tokens are gone, however long that takes where servers are slow.
        while not any(spent(each) for each in found[-24:]):
            found.extend(await in_thread(outcomes, server.address, 12))

    with two_servers(tmp_path, redis_url) as (one, two):
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load, one)
            nursery.start_soon(load, two)
        took_s = trio.current_time() - began
        refused = [each for each in found if isinstance(each, Refused)]
        served = len(found) - len(refused)
        # 60 calls' worth, and one more each second; what is in flight at the end may hold a few.
        assert 50 <= served <= 60 + took_s
        assert {each.code for each in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert {each.reason for each in refused} <= {
            "POLICY_RATE_LIMITED",
            "POLICY_CONCURRENCY_LIMITED",
        }
        assert all(each.retry_after_s for each in refused)
        assert one.stop() == 0
        assert two.stop() == 0


async def test_places_of_a_killed_server_are_free_after_its_lease_and_redis_may_go_and_come(
    tmp_path: Path, redis_server: RedisServer, redis_url: str
) -> None:
    with two_servers(tmp_path, redis_url) as (one, two):
        with grpc.insecure_channel(one.address) as channel:
            method = channel.unary_stream(
                "/llmservice.v1.LLMService/InvokeStream",
                pb.LLMRequest.SerializeToString,
                pb.LLMStreamResponse.FromString,
            )
            metadata = (("authorization", f"Bearer {TOKEN}"),)
            streams = [
                method(ask("play", "slow", max_tokens=8), metadata=metadata) for _ in range(4)
            ]
            for each in streams:
                await in_thread(next, each)
            (full,) = await in_thread(outcomes, two.address, 1)
            assert isinstance(full, Refused)
            assert full.reason == "POLICY_CONCURRENCY_LIMITED"
            one.process.kill()
            killed = trio.current_time()
            while isinstance((await in_thread(outcomes, two.address, 1))[0], Refused):
                assert trio.current_time() - killed < 6
                await trio.sleep(0.05)
            assert trio.current_time() - killed > 0.5
        redis_server.stop(signal.SIGKILL)
        (away,) = await in_thread(outcomes, two.address, 1)
        assert isinstance(away, Refused)
        assert away.reason == "SERVICE_OVERLOADED"
        assert away.retry_after_s == 1.0
        redis_server.start()
        await in_thread(two.wait_for, "is back")
        (back,) = await in_thread(outcomes, two.address, 1)
        assert isinstance(back, pb.LLMResponse)
        assert two.log().count("is away") == 1


def test_what_is_missing_for_redis_is_said_with_its_remedy(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(CONFIG)
    done = run("serve", f"--config={file}", "--port=0")
    assert done.returncode == 1
    assert "set limits.redis_url, LLMSERVICE_REDIS_URL" in done.stderr.splitlines()[-1]
