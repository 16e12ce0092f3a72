"""Tools that learn from the server itself what it serves: grpcurl (v1alpha), buf (v1), and the protocol."""

import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from entrypoints.grpc.pb import reflection_pb2 as pb
from tests.support.cli_runs import serving
from tests.support.planted import planted
from tests.support.system_gateway import in_thread, open_gateway, refusal

TOKEN = planted("reflected")
CONFIG = f"""
[local]
enabled = false
[providers.demo]
kind = "scripted"
models = {{ hello = [{{ say = "Hello" }}] }}
[callers.alice]
token_sha256 = "{sha256(TOKEN.encode()).hexdigest()}"
"""
BIN = Path(sys.executable).parent
REQUEST = json.dumps(
    {"provider": "demo", "model": "hello", "messages": [{"role": "user", "content": "hi"}]}
)
SERVICES = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "llmservice.v1.EmbeddingService",
    "llmservice.v1.LLMService",
    "llmservice.v1.ModelService",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("serve"), CONFIG) as server:
        yield server.address


def tool(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"HOME": str(folder), "PATH": str(BIN)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_grpcurl_lists_describes_and_calls(address: str, tmp_path: Path) -> None:
    plain = ("grpcurl", "-plaintext")
    assert set(tool(tmp_path, *plain, address, "list").split()) >= SERVICES
    described = tool(tmp_path, *plain, address, "describe", "llmservice.v1.LLMService")
    assert "rpc InvokeStream ( .llmservice.v1.LLMRequest )" in described
    described = tool(tmp_path, *plain, address, "describe", "llmservice.v1.LLMService.Invoke")
    assert "rpc Invoke" in described
    described = tool(tmp_path, *plain, address, "describe", "google.rpc.ErrorInfo")
    assert "message ErrorInfo" in described
    answer = tool(
        tmp_path, *plain, "-H", f"authorization: Bearer {TOKEN}", "-d", REQUEST,
        address, "llmservice.v1.LLMService/Invoke",
    )  # fmt: skip
    assert json.loads(answer)["content"] == "Hello"
    health = tool(tmp_path, *plain, address, "grpc.health.v1.Health/Check")
    assert json.loads(health) == {"status": "SERVING"}


def test_buf_lists_and_calls(address: str, tmp_path: Path) -> None:
    plain = ("buf", "curl", "--http2-prior-knowledge", "--protocol", "grpc")
    listed = tool(tmp_path, *plain, "--list-services", f"http://{address}")
    assert set(listed.split()) >= SERVICES
    methods = tool(tmp_path, *plain, "--list-methods", f"http://{address}")
    assert "llmservice.v1.LLMService/InvokeStream" in methods
    streamed = tool(
        tmp_path, *plain, "-H", f"authorization: Bearer {TOKEN}", "-d", REQUEST,
        f"http://{address}/llmservice.v1.LLMService/InvokeStream",
    )  # fmt: skip
    assert '"content":' in streamed.replace(" ", "")
    assert "STREAM_EVENT_TYPE_FINISH" in streamed


# ------------------------------------------------------------------ the protocol itself


def answers(
    address: str, *requests: pb.ServerReflectionRequest
) -> list[pb.ServerReflectionResponse]:
    with grpc.insecure_channel(address) as channel:
        ask = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            pb.ServerReflectionRequest.SerializeToString,
            pb.ServerReflectionResponse.FromString,
        )
        return list(ask(iter(requests), timeout=10))


def files(answer: pb.ServerReflectionResponse) -> dict[str, FileDescriptorProto]:
    found = map(
        FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto
    )
    return {each.name: each for each in found}


def test_a_file_comes_under_its_public_name_with_all_that_it_imports(address: str) -> None:
    name = "llmservice/v1/llm_service.proto"
    (answer,) = answers(address, pb.ServerReflectionRequest(host="h", file_by_filename=name))
    assert (answer.valid_host, answer.original_request.file_by_filename) == ("h", name)
    found = files(answer)
    assert next(iter(found)) == name
    for each in found.values():
        assert set(each.dependency) <= set(found)
        assert "entrypoints" not in str(each)


@pytest.mark.parametrize(
    "symbol",
    [
        "llmservice.v1.LLMService",
        "llmservice.v1.LLMService.Invoke",
        "llmservice.v1.LLMRequest",
        "llmservice.v1.FinishReason",
        "grpc.health.v1.HealthCheckResponse.ServingStatus",
    ],
)
def test_a_symbol_is_found_in_its_file(address: str, symbol: str) -> None:
    (answer,) = answers(address, pb.ServerReflectionRequest(file_containing_symbol=symbol))
    package = next(iter(files(answer).values())).package
    assert symbol.startswith(f"{package}.")


def test_what_cannot_be_answered_is_an_error_in_the_answer_and_the_stream_goes_on(
    address: str,
) -> None:
    extension = pb.ExtensionRequest(containing_type="llmservice.v1.LLMRequest", extension_number=9)
    found = answers(
        address,
        pb.ServerReflectionRequest(),
        pb.ServerReflectionRequest(file_by_filename="no.proto"),
        pb.ServerReflectionRequest(file_containing_symbol="no.Such"),
        pb.ServerReflectionRequest(file_containing_symbol=""),
        pb.ServerReflectionRequest(file_containing_extension=extension),
        pb.ServerReflectionRequest(all_extension_numbers_of_type="no.Such"),
        pb.ServerReflectionRequest(all_extension_numbers_of_type="llmservice.v1.LLMRequest"),
        pb.ServerReflectionRequest(list_services="*"),
    )
    assert [each.error_response.error_code for each in found] == [3, 5, 5, 5, 5, 5, 0, 0]
    numbers = found[-2].all_extension_numbers_response
    assert (numbers.base_type_name, list(numbers.extension_number)) == (
        "llmservice.v1.LLMRequest",
        [],
    )
    assert {each.name for each in found[-1].list_services_response.service} >= SERVICES


async def test_reflection_can_be_switched_off() -> None:
    house: dict[str, Any] = {"local": {"enabled": False}, "grpc": {"reflection": False}}
    async with open_gateway(house) as gateway:
        found = await in_thread(
            refusal, lambda: answers(gateway.address, pb.ServerReflectionRequest())
        )
    assert found.code is grpc.StatusCode.UNIMPLEMENTED
    assert found.reason == "CALLER_INVALID_REQUEST"
