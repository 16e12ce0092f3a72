"""Where prompts are cut for the cache."""

from typing import Any

import pytest

from adapters.wire.prompt_cache import is_asked
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
from tests.unit.adapters.providers.anthropic.asking import (
    FIVE,
    HOUR,
    assistant,
    body,
    encoded,
    refused,
    request,
    result,
    system,
    tool_use,
    turn,
    user,
    warned,
)

DEFAULT = CacheControl()
THOUGHT = Reasoning(text="t", signature=b"c2ln", provider="anthropic")


def text(words: str, control: CacheControl | None = FIVE) -> Text:
    return Text(text=words, cache_control=control)


def cut(*messages: Message, **fields: Any) -> list[tuple[str, str | None]]:
    """Return each breakpoint: what it stands on, and its ttl."""
    sent = body(*messages, **fields)
    blocks = [
        *sent.get("tools", ()),
        *sent.get("system", ()),
        *(block for each in sent["messages"] for block in each["content"]),
    ]
    assert str(sent).count("cache_control") == sum("cache_control" in block for block in blocks)
    return [
        (
            block.get("text") or block.get("name") or block.get("tool_use_id") or block["type"],
            block["cache_control"].get("ttl"),
        )
        for block in blocks
        if "cache_control" in block
    ]


def test_a_breakpoint_stands_where_it_was_asked_for() -> None:
    image = Media(mime_type="image/png", data=b"x", cache_control=DEFAULT)
    assert cut(system("a", text("b", HOUR)), user(image, "c"), tools=(Tool(name="f"),)) == [
        ("b", "1h"),
        ("image", None),
    ]
    assert cut(
        user("a"),
        assistant(ToolCall(id="x", name="f", arguments_json="{}", cache_control=HOUR)),
        turn(Role.TOOL, ToolResult(tool_call_id="x", cache_control=FIVE)),
        tools=(Tool(name="f", cache_control=HOUR),),
    ) == [("f", "1h"), ("f", "1h"), ("x", "5m")]


@pytest.mark.parametrize(
    ("control", "wire"),
    [
        (CacheControl(), {"type": "ephemeral"}),
        (CacheControl(300.0), {"type": "ephemeral", "ttl": "5m"}),
        (CacheControl(3600), {"type": "ephemeral", "ttl": "1h"}),
    ],
)
def test_a_ttl_is_sent_as_it_was_asked_for(control: CacheControl, wire: object) -> None:
    sent = body(user(text("a", control)))
    assert sent["messages"][0]["content"][0]["cache_control"] == wire


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"cache_control": CacheControl(60)}, "cache_control.ttl"),
        (
            {"tools": (Tool(name="f", cache_control=CacheControl(60)),)},
            "tools[0].cache_control.ttl",
        ),
        (
            {"messages": (user(text("a", CacheControl(60))),)},
            "messages[0].parts[0].cache_control.ttl",
        ),
        (
            {"messages": (user("a", cache_control=CacheControl(60)),)},
            "messages[0].cache_control.ttl",
        ),
    ],
)
def test_another_ttl_is_refused_by_its_path_with_the_remedy(
    fields: dict[str, Any], path: str
) -> None:
    found = refused(**fields)
    assert set(found) == {path}
    assert "60 s" in found[path]
    assert "300 s or 3600 s" in found[path]


def test_a_breakpoint_on_a_message_stands_on_its_last_block_that_can_be_cached() -> None:
    assert cut(user("a", "b", cache_control=HOUR), assistant("c"), user("d")) == [("b", "1h")]
    messages = (user("a"), assistant("b", THOUGHT, cache_control=FIVE), user("c"))
    assert cut(*messages) == [("b", "5m")]


def test_a_breakpoint_on_nothing_that_can_be_cached_is_not_lost() -> None:
    messages = (user("a"), assistant(THOUGHT, cache_control=FIVE), user("b"))
    assert set(refused(*messages)) == {"messages[1].cache_control"}
    empty = (user("a", text("")),)
    assert set(refused(*empty)) == {"messages[0].parts[1].cache_control"}
    assert warned(*empty)[1] == [("PARAM_DROPPED", "messages[0].parts[1].cache_control")]


def test_two_breakpoints_on_one_block_are_one_if_they_agree() -> None:
    assert cut(user(text("a", FIVE), cache_control=DEFAULT)) == [("a", "5m")]
    found = refused(user(text("a", FIVE), cache_control=HOUR))
    assert "another ttl than messages[0].parts[0]" in found["messages[0].cache_control"]


def test_a_fifth_breakpoint_is_refused_by_its_path() -> None:
    four = [text(word) for word in "abcd"]
    assert len(cut(user(*four))) == 4
    found = refused(user(*four, text("e")), tools=(Tool(name="f", cache_control=FIVE),))
    assert set(found) == {
        "messages[0].parts[3].cache_control",
        "messages[0].parts[4].cache_control",
    }
    assert "breakpoint 5 " in found["messages[0].parts[3].cache_control"]
    assert "Anthropic takes 4" in found["messages[0].parts[3].cache_control"]


def test_a_long_breakpoint_after_a_short_one_is_refused() -> None:
    found = refused(user(text("a", HOUR)), tools=(Tool(name="f", cache_control=DEFAULT),))
    assert "tools[0].cache_control" in found["messages[0].parts[0].cache_control"]
    assert "come first" in found["messages[0].parts[0].cache_control"]
    assert len(cut(user(text("a", FIVE)), tools=(Tool(name="f", cache_control=HOUR),))) == 2


def test_the_order_is_that_of_the_prefix_and_not_of_the_request() -> None:
    # The result is sent before the text although it was said after it.
    call = assistant(tool_use("x"))
    long = turn(Role.TOOL, ToolResult(tool_call_id="x", cache_control=HOUR))
    assert cut(user("a"), call, user(text("b", FIVE)), long) == [("x", "1h"), ("b", "5m")]


CONVERSATION = (
    system("s", "t"),
    user("a", "b"),
    assistant("c"),
    user("d"),
    assistant(tool_use("x")),
    result("x", "r"),
)
TOOLS = (Tool(name="f"), Tool(name="g"))


def test_the_switch_cuts_tools_system_and_the_last_two_user_turns() -> None:
    assert cut(*CONVERSATION, tools=TOOLS, cache_control=DEFAULT) == [
        ("g", None),
        ("t", None),
        ("d", None),
        ("x", None),
    ]


@pytest.mark.parametrize(
    ("taken", "filled"),
    [
        (1, [("t", "5m"), ("d", "5m"), ("x", "5m")]),
        (2, [("t", "5m"), ("x", "5m")]),
        (3, [("x", "5m")]),
        (4, []),
    ],
)
def test_the_switch_fills_what_is_left_with_the_most_useful(
    taken: int, filled: list[tuple[str, str]]
) -> None:
    own = [text(f"own {number}", FIVE) for number in range(taken)]
    first = user(*own, "b")
    found = cut(CONVERSATION[0], first, *CONVERSATION[2:], tools=TOOLS, cache_control=FIVE)
    assert [each for each in found if "own" not in each[0]] == filled
    assert len(found) == 4


def test_a_place_that_is_marked_already_is_not_marked_twice() -> None:
    messages = (system("s", text("t", HOUR)), user("a"))
    assert cut(*messages, cache_control=FIVE) == [("t", "1h"), ("a", "5m")]


def test_the_switch_does_not_break_the_order() -> None:
    # A short one may not stand before the long one, nor a long one after the short one.
    late = (system("s"), user("a"), assistant("b"), user(text("c", HOUR), "d"))
    assert cut(*late, tools=TOOLS, cache_control=FIVE) == [("c", "1h"), ("d", "5m")]
    early = (system("s"), user(text("a", FIVE), "b"), assistant("c"), user("d"))
    assert cut(*early, tools=TOOLS, cache_control=HOUR) == [
        ("g", "1h"),
        ("s", "1h"),
        ("a", "5m"),
    ]


def test_the_switch_never_marks_thoughts_or_empty_text() -> None:
    messages = (user("a", " "), assistant(THOUGHT, "b"), user("c", ""))
    assert cut(*messages, cache_control=DEFAULT) == [("a", None), ("c", None)]


def test_the_switch_cuts_the_users_turn_before_a_later_system_message() -> None:
    assert cut(user("a"), system("b"), cache_control=DEFAULT) == [("a", None)]


def test_nothing_is_marked_that_was_not_asked_for() -> None:
    assert b"cache_control" not in encoded(*CONVERSATION, tools=TOOLS).body


@pytest.mark.parametrize(
    "asking",
    [
        request(cache_control=DEFAULT),
        request(tools=(Tool(name="f", cache_control=DEFAULT),)),
        request(user("a", cache_control=DEFAULT)),
        request(user("a", text("b"))),
        request(user(Media(uri="u", cache_control=DEFAULT))),
        request(assistant(ToolCall(id="x", name="f", arguments_json="", cache_control=DEFAULT))),
        request(turn(Role.TOOL, ToolResult(tool_call_id="x", cache_control=DEFAULT))),
        request(turn(Role.TOOL, ToolResult(tool_call_id="x", content=(text("a"),)))),
    ],
)
def test_it_is_known_whether_caching_was_asked_for(asking: ChatRequest) -> None:
    assert is_asked(asking)


def test_it_is_known_that_caching_was_not_asked_for() -> None:
    assert not is_asked(request(*CONVERSATION, assistant(THOUGHT), tools=TOOLS))
