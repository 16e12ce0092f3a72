"""Nonsense gets the reason, status and field path of the contract; the connection goes on.

Nothing is recorded where no upstream was asked.
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial

import attrs
import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from adapters.local.config import LocalConfig
from adapters.local.presence import missing
from entrypoints.grpc.pb import llm_service_pb2 as pb
from tests.support.system_gateway import Gateway, Stub, ask, in_thread, open_gateway, refusal, stub

pytestmark = pytest.mark.skipif(
    missing(LocalConfig()) is not None, reason=missing(LocalConfig()) or ""
)
SETTINGS = {
    "providers": {
        "keyless": {
            "kind": "compatible",
            "base_url": "https://api.example.invalid/v1",
            "api_key_env": "EXAMPLE_API_KEY",
        },
        "play": {
            "kind": "scripted",
            "models": {"hello": [{"say": "Hello"}], "twin": [{"say": "1"}]},
        },
        "other": {"kind": "scripted", "models": {"twin": [{"say": "2"}]}},
    }
}
INVALID = (grpc.StatusCode.INVALID_ARGUMENT, "CALLER_INVALID_REQUEST")
UNKNOWN = (grpc.StatusCode.NOT_FOUND, "CALLER_MODEL_UNKNOWN")
KEYLESS = (grpc.StatusCode.FAILED_PRECONDITION, "PROVIDER_NOT_CONFIGURED")


@attrs.frozen
class Case:
    request: pb.LLMRequest
    expected: tuple[grpc.StatusCode, str]
    fields: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def _message(role: str = "user", parts: Sequence[pb.ContentPart] = ()) -> pb.ChatMessage:
    return pb.ChatMessage(role=role, content="Hello", parts=parts)


def _streamed(client: Stub, request: pb.LLMRequest) -> list[pb.LLMStreamResponse]:
    return list(client.stream(request, timeout=60))


def _whole(client: Stub, request: pb.LLMRequest) -> pb.LLMResponse:
    return client.invoke(request, timeout=60)


CASES = {
    "unknown role": Case(
        ask(messages=[_message(role="wizard")]), INVALID, ("messages[0].role",), ("wizard",)
    ),
    "no messages": Case(ask(messages=[]), INVALID, ("messages",)),
    "content and parts": Case(
        ask(messages=[_message(parts=[pb.ContentPart(text="x")])]), INVALID, ("messages[0].content",)
    ),
    "negative max_tokens": Case(ask(max_tokens=-1), INVALID, ("max_tokens",)),
    "temperature out of range": Case(ask(temperature=2.5), INVALID, ("temperature",)),
    "temperature not a number": Case(ask(temperature=float("nan")), INVALID, ("temperature",)),
    "all of it at once": Case(
        ask(messages=[_message(role="x")], max_tokens=0, temperature=-1, top_p=3),
        INVALID,
        ("messages[0].role", "temperature", "top_p", "max_tokens"),
    ),
    "unknown provider": Case(ask(provider="nobody"), UNKNOWN, words=("nobody", "local")),
    "unknown model": Case(ask(model="gpt-0"), UNKNOWN, words=("gpt-0", "smollm2")),
    "unknown model of no provider": Case(ask(provider="", model="gpt-0"), UNKNOWN),
    "ambiguous model": Case(ask(provider="", model="twin"), UNKNOWN, words=("play", "other")),
    "prompt longer than the context": Case(
        ask(text="word " * 9000), INVALID, ("messages",), ("tokens",)
    ),
    "tools sent to the local model": Case(
        ask(tools=[pb.Tool(name="clock")]), INVALID, ("tools",), ("local",)
    ),
    "an image sent to the local model": Case(
        ask(messages=[
            pb.ChatMessage(
                role="user",
                parts=[pb.ContentPart(media=pb.Media(mime_type="image/png", data=b"x"))],
            )
        ]),
        INVALID,
        ("messages[0].parts[0]",),
    ),
    "missing key": Case(ask(provider="keyless", model="m"), KEYLESS, words=("EXAMPLE_API_KEY",)),
}  # fmt: skip


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(SETTINGS) as gateway:
        yield gateway


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_nonsense_is_told_in_the_contracts_words(gateway: Gateway, case: Case) -> None:
    def both() -> None:
        with stub(gateway.address) as client:
            for call in (_whole, _streamed):
                refused = refusal(partial(call, client, case.request))
                assert (refused.code, refused.reason) == case.expected
                assert tuple(refused.fields) == case.fields
                assert all(word in refused.message for word in case.words), refused.message
                assert refused.metadata["request_id"]
                assert refused.retry_after_s is None
            # The same connection, afterwards.
            good = ask(provider="play", model="hello")
            assert client.invoke(good, timeout=20).content == "Hello"

    await in_thread(both)
    assert [record.attempt.provider for record in gateway.log.records] == ["play"]


async def test_what_the_local_model_does_not_take_is_dropped_if_the_caller_says_so(
    gateway: Gateway,
) -> None:
    def call() -> pb.LLMResponse:
        with stub(gateway.address) as client:
            return client.invoke(
                ask(
                    tools=[pb.Tool(name="clock")],
                    max_tokens=4,
                    unsupported_params=pb.UNSUPPORTED_PARAM_POLICY_WARN_AND_DROP,
                ),
                timeout=60,
            )

    (warning,) = MessageToDict(await in_thread(call))["warnings"]
    assert warning["code"] == "PARAM_DROPPED"
    assert "tools" in warning["message"]
