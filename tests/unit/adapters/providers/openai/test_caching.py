"""Prompt caching at OpenAI: where it is put, what it is refused for, and when it is missed."""

import json
from typing import Any

import pytest

from adapters.wire.codec import ResponseHead
from domain.model.caching import CacheControl
from domain.model.chat import Media, Message, Refusal, Role, Text, ToolCall, ToolResult
from domain.model.events import Finished, WarningRaised
from domain.model.tools import Tool
from tests.unit.adapters.providers.openai.asking import CODEC, LENIENT, call, refused, sent, warned

HERE = CacheControl()
CALL = ToolCall(id="1", name="f", arguments_json="{}")
MODEL = "gpt-5.6-sol"


def marked(role: Role = Role.USER, *parts: Any, **fields: Any) -> dict[str, Any]:
    return {
        "messages": (
            Message(role=role, parts=parts or (Text(text="a", cache_control=HERE),), **fields),
        )
    }


@pytest.mark.parametrize(
    ("ttl_s", "said"),
    [
        (None, {"mode": "explicit"}),
        (1_800.0, {"mode": "explicit", "ttl": "30m"}),
        (43_200.0, {"mode": "explicit", "ttl": "12h"}),
    ],
)
def test_a_breakpoint_stands_on_its_part_and_alone_is_cached(ttl_s: Any, said: Any) -> None:
    text = Text(text="a", cache_control=CacheControl(ttl_s=ttl_s))
    body = sent(MODEL, **marked(Role.USER, text, Text(text="b")))
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "a", "prompt_cache_breakpoint": said},
        {"type": "text", "text": "b"},
    ]
    assert body["prompt_cache_options"] == {"mode": "explicit"}


def test_a_breakpoint_may_stand_on_a_picture_a_result_and_a_message() -> None:
    picture = Media(mime_type="image/png", data=b"x", cache_control=HERE)
    (content,) = sent(MODEL, **marked(Role.USER, picture))["messages"][0]["content"]
    assert content["prompt_cache_breakpoint"] == {"mode": "explicit"}
    result = ToolResult(tool_call_id="1", cache_control=HERE)
    (content,) = sent(MODEL, **marked(Role.TOOL, result))["messages"][0]["content"]
    assert content["prompt_cache_breakpoint"] == {"mode": "explicit"}
    (content,) = sent(MODEL, **marked(Role.USER, Text(text="a"), cache_control=HERE))["messages"][
        0
    ]["content"]
    assert content["prompt_cache_breakpoint"] == {"mode": "explicit"}


@pytest.mark.parametrize(
    ("ttl_s", "said"), [(None, {"mode": "implicit"}), (1_800.0, {"mode": "implicit", "ttl": "30m"})]
)
def test_the_switch_lets_openai_choose_the_place(ttl_s: Any, said: Any) -> None:
    assert sent(MODEL, cache_control=CacheControl(ttl_s=ttl_s)) == {"prompt_cache_options": said}
    both = sent(MODEL, cache_control=CacheControl(ttl_s=ttl_s), **marked())
    assert both["prompt_cache_options"] == said
    assert both["messages"][0]["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}


def test_nothing_is_said_of_caching_where_nothing_is_asked() -> None:
    assert sent(MODEL) == {}


@pytest.mark.parametrize("policy", [{}, {"unsupported_params": LENIENT}])
def test_a_ttl_is_honoured_or_refused_and_never_dropped(policy: dict[str, Any]) -> None:
    hour = CacheControl(ttl_s=3_600.0)
    text = Text(text="a", cache_control=hour)
    assert refused(MODEL, **policy, **marked(Role.USER, text)) == {
        "messages[0].parts[0].cache_control": "keeps a prefix for 3600 s; the model takes 1800 s or 43200 s"
    }
    assert refused(MODEL, **policy, cache_control=hour) == {
        "cache_control.ttl": "is 3600 s; OpenAI takes 1800 s here: leave it out, or mark single parts, "
        "which may be kept for longer"
    }


def test_a_breakpoint_where_none_can_stand_is_refused_with_the_remedy() -> None:
    tools = (Tool(name="f", cache_control=HERE),)
    remedy = "cannot stand here at openai: put it on a message's part"
    assert refused(MODEL, tools=tools) == {"tools[0].cache_control": remedy}
    called = ToolCall(id="1", name="f", arguments_json="{}", cache_control=HERE)
    assert refused(MODEL, **marked(Role.ASSISTANT, called)) == {
        "messages[0].parts[0].cache_control": remedy
    }
    refusal = Refusal(text="no")
    assert refused(MODEL, **marked(Role.ASSISTANT, refusal, cache_control=HERE)) == {
        "messages[0].cache_control": remedy
    }


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.5"])
def test_a_model_that_caches_by_itself_takes_no_orders(model: str) -> None:
    assert refused(model, cache_control=HERE, **marked()) == {
        "cache_control": f"cannot be asked of {model}, which caches by itself",
        "messages[0].parts[0].cache_control": "cannot be asked of openai here: leave it out",
    }
    lenient: dict[str, Any] = {"cache_control": HERE, "unsupported_params": LENIENT, **marked()}
    assert sent(model, **lenient) == {"messages": [{"role": "user", "content": "a"}]}
    assert [code for code, _ in warned(model, **lenient)] == ["PARAM_DROPPED"] * 2


# ------------------------------------------------------------------ answers


def ending(model: str, usage: Any, **fields: Any) -> list[Any]:
    choice = {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}
    body = json.dumps({"id": "1", "choices": [choice], "usage": usage}).encode()
    asked = call(model, **fields)
    whole = [*CODEC.whole(asked, ResponseHead(200, {}), body)]
    frames = (
        {"id": "1", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]},
        {"id": "1", "choices": [], "usage": usage},
    )
    stream = b"".join(b"data: %s\n\n" % json.dumps(each).encode() for each in frames)
    for end in (b"data: [DONE]\n\n", b""):
        decoder = CODEC.decoder(asked, ResponseHead(200, {}))
        streamed = [*decoder.feed(stream + end), *decoder.end()]
        assert streamed[-1] == whole[-1]
        assert (streamed[-2] == whole[-2]) or not isinstance(whole[-2], WarningRaised)
    assert isinstance(whole[-1], Finished)
    return [event.warning.code for event in whole if isinstance(event, WarningRaised)]


UNUSED = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 0}}


@pytest.mark.parametrize("usage", [UNUSED, None, {"prompt_tokens": 9}])
def test_caching_that_came_to_nothing_is_told_before_the_end(usage: Any) -> None:
    assert ending(MODEL, usage, cache_control=HERE) == ["PROMPT_CACHE_MISSED"]
    assert ending(MODEL, usage, **marked()) == ["PROMPT_CACHE_MISSED"]
    assert ending(MODEL, usage) == []


@pytest.mark.parametrize("used", ["cached_tokens", "cache_write_tokens"])
def test_caching_that_was_done_is_not_missed(used: str) -> None:
    usage = {"prompt_tokens": 9, "prompt_tokens_details": {used: 5}}
    assert ending(MODEL, usage, cache_control=HERE) == []


def test_a_model_that_takes_no_orders_misses_none() -> None:
    assert ending("gpt-4o", UNUSED, cache_control=HERE, unsupported_params=LENIENT) == []
