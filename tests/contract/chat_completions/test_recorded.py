"""Traffic that others recorded, read in place where it is found, means an answer or the error that it is.

What an answer says is read off the recording a second time here, without the decoder. Two of
OpenRouter's recordings, ``stream-text`` and ``stream-tools``, are of another protocol (Responses) and
are not for this codec.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from domain.model.call import ChatCall
from tests.contract.chat_completions.reading import SHARED, described, outcome, refused
from tests.support.http_calls import CODEC, call, cuts

RECORDED = SHARED / "fixtures"
STREAMS = {
    "openai/chat-stream.1.response.sse": "tool_calls",
    "openai/chat-stream.2.response.sse": "stop",
    "openai/vercel-chat-text.sse": "stop",
    "openai-compatible/groq-midstream-error.2.response.sse": "tool_calls",
    "openai-compatible/groq-midstream-error.3.response.sse": "stop",
    "openai-compatible/vercel-deepseek-tool-call.sse": "tool_calls",
    "openai-compatible/vercel-groq-tool-call.sse": "tool_calls",
    "openrouter/stream-reasoning.1.response.sse": "stop",
}
BROKEN_STREAMS = {
    "openai-compatible/groq-midstream-error.1.response.sse": "Tool call validation failed",
    "openrouter/stream-midstream-error.1.response.sse": "Token limit reached",
}
WHOLE = {
    "openai/chat-prompt-cache.1.response.json": "stop",
    "openai/chat-prompt-cache.2.response.json": "stop",
    "openai/chat-tools.1.response.json": "tool_calls",
    "openai/chat-tools.2.response.json": "tool_calls",
    "openai/max-completion-tokens-o3.1.response.json": "stop",
    "openai-compatible/tool-calls-without-id.1.response.json": "tool_calls",
    "openai-compatible/tool-calls-without-id.2.response.json": "stop",
    "openrouter/cache-anthropic.1.response.json": "max_tokens",
    "openrouter/cache-anthropic.2.response.json": "stop",
    "openrouter/tool-calling.1.response.json": "tool_calls",
    "openrouter/usage-cost.1.response.json": "stop",
    "openrouter/usage-cost.2.response.json": "stop",
}
REFUSALS = {
    "openai/error-system-role-o1.1.response.json": (400, "PROVIDER_REJECTED_REQUEST", False),
    "openai/vercel-legacy-parameter-error.json": (400, "PROVIDER_REJECTED_REQUEST", False),
    "openrouter/errors-raised.1.response.json": (429, "PROVIDER_RATE_LIMITED", True),
}


def recorded(name: str) -> bytes:
    path: Path = RECORDED / name
    if not path.exists():
        pytest.skip(f"the recorded traffic is not there: {path}")
    return path.read_bytes()


def once_more(chunks: list[Any], holder: str) -> tuple[str, str, list[str], Any]:
    """Return text, thoughts, names of tools and usage, read off without the codec."""
    found = [
        choice[holder] for chunk in chunks for choice in chunk["choices"] if choice.get(holder)
    ]
    calls = [each for delta in found for each in delta.get("tool_calls") or ()]
    thoughts = (delta.get("reasoning_content") or delta.get("reasoning") for delta in found)
    return (
        "".join(delta.get("content") or "" for delta in found),
        "".join(thought or "" for thought in thoughts),
        [each["function"]["name"] for each in calls if each["function"].get("name")],
        [chunk["usage"] for chunk in chunks if chunk.get("usage")][-1],
    )


def assert_means(meant: dict[str, Any], said: tuple[str, str, list[str], Any]) -> None:
    text, thoughts, names, usage = said
    parts = meant["parts"]
    assert "".join(part.get("text", "") for part in parts) == text
    assert "".join(part.get("reasoning", "") for part in parts) == thoughts
    assert [part["tool_call"] for part in parts if "tool_call" in part] == names
    assert all(part["id"] for part in parts if "tool_call" in part)
    counted = (usage["prompt_tokens"], usage["completion_tokens"])
    assert (meant["usage"]["input"], meant["usage"]["output"]) == counted


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_is_an_answer(name: str) -> None:
    body = recorded(name)
    events, error = outcome([body])
    assert error is None
    meant = described(events)
    assert meant["finish"] == STREAMS[name]
    lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
    assert_means(meant, once_more([json.loads(line) for line in lines], "delta"))
    for size in (1, 64, 1460):
        assert outcome(cuts(body, size)) == (events, None)


@pytest.mark.parametrize("name", BROKEN_STREAMS)
def test_a_recorded_stream_with_an_error_is_that_error(name: str) -> None:
    body = recorded(name)
    events, error = outcome([body])
    assert error is not None
    assert (error.reason.name, error.retryable) == ("PROVIDER_REJECTED_REQUEST", False)
    assert error.message.startswith(BROKEN_STREAMS[name])
    assert events
    for size in (1, 64, 1460):
        cut_events, cut_error = outcome(cuts(body, size))
        assert cut_events == events
        assert cut_error is not None
        assert cut_error.reason is error.reason


@pytest.mark.parametrize("name", WHOLE)
def test_a_recorded_body_is_an_answer(name: str) -> None:
    body = recorded(name)
    asked: ChatCall = call(whole=True)
    meant = described([*CODEC.whole(asked, ResponseHead(200, {}), body)])
    assert meant["finish"] == WHOLE[name]
    assert_means(meant, once_more([json.loads(body)], "message"))


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_refusal_is_what_it_is(name: str) -> None:
    status, reason, retryable = REFUSALS[name]
    meant = refused(status, recorded(name))
    assert (meant["raises"], meant["retryable"]) == (reason, retryable)
    assert meant["message"]
