"""Where caching is asked for, and when its absence is told."""

import pytest

from adapters.wire.prompt_cache import is_asked, missed
from domain.model.caching import CacheControl
from domain.model.chat import (
    ChatRequest,
    Media,
    Message,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from domain.model.tools import Tool
from domain.model.usage import NO_USAGE, Usage
from domain.policy.breakpoints import breakpoints

HERE = CacheControl(ttl_s=1.0)
PLAIN = Message(role=Role.USER, parts=(Text(text="a"), Reasoning(text="b")))
RESULT = ToolResult(
    tool_call_id="1",
    content=(
        Text(text="a"),
        Text(text="b", cache_control=HERE),
        Media(uri="u", cache_control=HERE),
    ),
    cache_control=HERE,
)
EVERYWHERE = ChatRequest(
    model="m",
    tools=(Tool(name="f"), Tool(name="g", cache_control=HERE)),
    messages=(
        PLAIN,
        Message(role=Role.USER, parts=(Media(uri="u", cache_control=HERE),), cache_control=HERE),
        Message(
            role=Role.ASSISTANT,
            parts=(ToolCall(id="1", name="f", arguments_json="{}", cache_control=HERE),),
        ),
        Message(role=Role.TOOL, parts=(RESULT,)),
    ),
)
NOWHERE = ChatRequest(model="m", messages=(PLAIN,), tools=(Tool(name="f"),))
SWITCHED = ChatRequest(model="m", messages=(PLAIN,), cache_control=CacheControl())


def test_breakpoints_are_found_by_their_paths_in_the_order_of_the_prefix() -> None:
    assert dict(breakpoints(EVERYWHERE)) == dict.fromkeys(
        [
            "tools[1].cache_control",
            "messages[1].parts[0].cache_control",
            "messages[1].cache_control",
            "messages[2].parts[0].cache_control",
            "messages[3].parts[0].tool_result.content[1].cache_control",
            "messages[3].parts[0].tool_result.content[2].cache_control",
            "messages[3].parts[0].cache_control",
        ],
        HERE,
    )
    assert next(iter(breakpoints(EVERYWHERE)))[0] == "tools[1].cache_control"


def test_caching_is_asked_for_by_a_breakpoint_or_the_switch() -> None:
    assert is_asked(EVERYWHERE)
    assert is_asked(SWITCHED)
    assert not is_asked(NOWHERE)


@pytest.mark.parametrize("usage", [NO_USAGE, Usage(cache_read_tokens=0, cache_write_tokens=0)])
def test_a_cache_that_was_asked_for_and_not_used_is_told(usage: Usage) -> None:
    (raised,) = missed(SWITCHED, usage, ": too short")
    assert raised.warning.code == "PROMPT_CACHE_MISSED"
    assert raised.warning.message == "m neither read nor wrote its prompt cache: too short"
    assert missed(EVERYWHERE, usage) != []
    assert missed(NOWHERE, usage) == []


@pytest.mark.parametrize("usage", [Usage(cache_read_tokens=1), Usage(cache_write_tokens=1)])
def test_a_cache_that_was_used_is_not_missed(usage: Usage) -> None:
    assert missed(SWITCHED, usage) == []
