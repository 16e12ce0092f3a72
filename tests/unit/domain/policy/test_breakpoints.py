"""Where a request asks for caching: in the order of the prefix, and off it leaves no trace."""

import attrs

from domain.model.caching import CacheControl
from domain.model.chat import (
    ChatRequest,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolResult,
)
from domain.model.tools import Tool
from domain.policy.breakpoints import breakpoints, without_breakpoints

ONE, TWO = CacheControl(ttl_s=60), CacheControl(ttl_s=120)
RESULT = ToolResult(
    tool_call_id="c", content=(Text(text="a", cache_control=ONE),), cache_control=TWO
)
REQUEST = ChatRequest(
    model="m",
    tools=(Tool(name="f", cache_control=ONE), Tool(name="g")),
    messages=(
        Message(role=Role.ASSISTANT, parts=(Reasoning(text="hm"), Refusal(text="no"))),
        Message(role=Role.TOOL, parts=(RESULT,), cache_control=ONE),
    ),
)


def test_breakpoints_are_told_in_the_order_of_the_prefix() -> None:
    assert list(breakpoints(REQUEST)) == [
        ("tools[0].cache_control", ONE),
        ("messages[1].parts[0].tool_result.content[0].cache_control", ONE),
        ("messages[1].parts[0].cache_control", TWO),
        ("messages[1].cache_control", ONE),
    ]


def test_without_breakpoints_everything_else_stands() -> None:
    plain = without_breakpoints(REQUEST)
    assert not list(breakpoints(plain))
    assert plain.messages[0] == REQUEST.messages[0]
    (result,) = plain.messages[1].parts
    assert isinstance(result, ToolResult)
    assert result == attrs.evolve(RESULT, content=(Text(text="a"),), cache_control=None)
