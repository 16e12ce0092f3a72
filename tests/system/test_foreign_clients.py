"""The program with no key at all, called by clients that nobody here wrote."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.cli_runs import ROOT, serving
from tests.support.system_gateway import LOCAL, ask, stub
from tests.support.system_stream import checked

pytestmark = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or ""
)
QUESTION = ask(text="Say hello in five words.", max_tokens=24)
NODE = Path(__file__).parent / "clients" / "node"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("serve"), config="") as server:
        yield server.address


def test_grpcio_gets_a_whole_answer(address: str) -> None:
    with stub(address) as client:
        answer = client.invoke(QUESTION, timeout=60)
    assert (answer.provider, answer.model) == ("local", LOCAL)
    assert answer.content
    assert answer.usage.input_tokens > 0
    assert answer.attempts[0].outcome == pb.ATTEMPT_OUTCOME_SERVED


def test_grpcio_streams(address: str) -> None:
    with stub(address) as client:
        assert checked(list(client.stream(QUESTION, timeout=60)))


def test_grpcio_lists_the_model(address: str) -> None:
    with stub(address) as client:
        (model,) = client.models(pb.ListModelsRequest(), timeout=20).models
    assert (model.provider, model.model) == ("local", LOCAL)
    assert "tools" not in model.capabilities


def test_grpcio_aio_gets_a_whole_answer_and_streams(address: str) -> None:
    async def both() -> tuple[pb.LLMResponse, list[pb.LLMStreamResponse]]:
        service, out = "/llmservice.v1.LLMService/", pb.LLMRequest.SerializeToString
        async with grpc.aio.insecure_channel(address) as channel:
            invoke = channel.unary_unary(service + "Invoke", out, pb.LLMResponse.FromString)
            stream = channel.unary_stream(
                service + "InvokeStream", out, pb.LLMStreamResponse.FromString
            )
            whole = await invoke(QUESTION, timeout=60)
            return whole, [event async for event in stream(QUESTION, timeout=60)]

    whole, events = asyncio.run(both())
    assert whole.content
    assert checked(events)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_grpc_js_gets_a_whole_answer_and_streams(address: str, tmp_path: Path) -> None:
    shutil.copytree(NODE, tmp_path, dirs_exist_ok=True)
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent"],
        cwd=tmp_path, check=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    done = subprocess.run(
        ["node", "client.js", str(ROOT / "proto/llmservice/v1/llm_service.proto"), address],
        cwd=tmp_path, check=True, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["whole"]["content"]
    assert int(found["whole"]["usage"]["input_tokens"]) > 0
    types = [event["type"] for event in found["events"]]
    assert types[0] == "STREAM_EVENT_TYPE_START"
    assert types[-1] == "STREAM_EVENT_TYPE_FINISH"
    assert types.count("STREAM_EVENT_TYPE_FINISH") == 1
    assert [int(event["sequence"]) for event in found["events"]] == list(range(len(types)))
    assert int(found["events"][-1]["usage"]["output_tokens"]) > 0
