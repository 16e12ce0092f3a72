"""How a conversation becomes ``system`` and ``messages``."""

from typing import Any

import pytest

from domain.model.chat import Reasoning, Refusal, Role, Text, ToolResult
from tests.unit.adapters.providers.anthropic.asking import (
    NEW,
    OLD,
    assistant,
    body,
    refused,
    result,
    system,
    tool_use,
    turn,
    user,
    warned,
)


def texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in blocks]


def spoken(sent: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(each["role"], texts(each["content"])) for each in sent["messages"]]


def test_leading_system_text_is_the_system() -> None:
    sent = body(system("Be", "brief."), turn(Role.DEVELOPER, "Be kind."), user("hello"))
    assert texts(sent["system"]) == ["Be", "brief.", "Be kind."]
    assert spoken(sent) == [("user", ["hello"])]


def test_without_system_text_there_is_no_system() -> None:
    assert "system" not in body()


@pytest.mark.parametrize("role", [Role.SYSTEM, Role.DEVELOPER])
def test_a_later_system_message_stays_where_the_model_takes_it(role: Role) -> None:
    sent, about = warned(user("a"), turn(role, "b"), assistant("c"), user("d"), turn(role, "e"))
    assert about == []
    assert spoken(sent) == [
        ("user", ["a"]),
        ("system", ["b"]),
        ("assistant", ["c"]),
        ("user", ["d"]),
        ("system", ["e"]),
    ]


def test_a_system_message_after_nothing_but_empty_ones_joins_the_users_turn() -> None:
    sent = body(user(" "), system("s"), assistant("a"), user("b"))
    assert spoken(sent) == [("user", ["s"]), ("assistant", ["a"]), ("user", ["b"])]


def test_system_messages_that_follow_one_another_are_one() -> None:
    assert spoken(body(user("a"), system("b"), system("c")))[1:] == [("system", ["b", "c"])]


def test_a_later_system_message_joins_the_users_turn_on_older_models() -> None:
    sent, about = warned(user("a"), system("b"), assistant("c"), user("d"), model=OLD)
    assert spoken(sent) == [("user", ["a", "b"]), ("assistant", ["c"]), ("user", ["d"])]
    assert about == [("PARAM_ADJUSTED", "messages[1]")]


@pytest.mark.parametrize(
    ("messages", "wanted"),
    [
        # after the assistant
        (
            [user("a"), assistant("b"), system("c"), user("d")],
            [("user", ["a"]), ("assistant", ["b"]), ("user", ["c", "d"])],
        ),
        # between the user and the user
        ([user("a"), system("b"), user("c")], [("user", ["a", "b", "c"])]),
    ],
)
def test_a_system_message_that_may_not_stand_there_joins_the_users_turn(
    messages: list[Any], wanted: object
) -> None:
    sent, about = warned(*messages, model=NEW)
    assert spoken(sent) == wanted
    assert [code for code, _ in about] == ["PARAM_ADJUSTED"]


def test_turns_of_one_role_are_one_turn() -> None:
    sent = body(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert spoken(sent) == [("user", ["a", "b"]), ("assistant", ["c", "d"]), ("user", ["e"])]


def test_messages_that_say_nothing_are_left_out() -> None:
    sent = body(user("a"), assistant("", " \n"), user("b"), system("\t"))
    assert spoken(sent) == [("user", ["a", "b"])]


def test_a_refusal_goes_back_as_what_was_said() -> None:
    sent = body(user("a"), assistant(Refusal(text="No.")), user("b"))
    assert spoken(sent)[1] == ("assistant", ["No."])


def test_the_user_speaks_first() -> None:
    assert "messages[1].role" in refused(system("s"), assistant("a"), user("b"))


@pytest.mark.parametrize("messages", [(system("s"),), (user(" "),), ()])
def test_there_must_be_something_to_answer(messages: Any) -> None:
    fields = {"messages": messages}
    assert "messages" in refused(**fields)


def test_all_results_come_first_in_one_turn() -> None:
    sent = body(
        user("a"),
        assistant("b", tool_use("x"), tool_use("y")),
        user("c"),
        result("x", "1"),
        system("d"),
        result("y", "2"),
        model=OLD,
    )
    assert [block.get("tool_use_id") for block in sent["messages"][2]["content"]] == [
        "x",
        "y",
        None,
        None,
    ]


def test_a_call_without_a_result_is_refused_by_its_path() -> None:
    found = refused(
        user("a"), assistant(tool_use("x"), tool_use("y")), result("x"), assistant("b"), user("c")
    )
    assert set(found) == {"messages[1].parts[1]"}


@pytest.mark.parametrize(
    "messages",
    [
        (user("a"), result("x")),
        (result("x"), user("a")),
        (user("a"), assistant(tool_use("x")), result("x"), assistant("b"), result("x")),
        (user("a"), assistant(tool_use("x")), result("x"), result("x")),
    ],
)
def test_a_result_without_a_call_is_refused_by_its_path(messages: tuple[Any, ...]) -> None:
    path = next(iter(refused(*messages)))
    assert path.endswith(".parts[0].tool_result.tool_call_id")


def test_two_calls_of_one_name_are_refused() -> None:
    found = refused(user("a"), assistant(tool_use("x"), tool_use("x")), result("x"))
    assert set(found) == {"messages[1].parts[1].tool_call.id"}


def test_the_conversation_cannot_end_with_a_call() -> None:
    assert set(refused(user("a"), assistant(tool_use("x")), model=OLD)) == {"messages[1].parts[0]"}


def test_older_models_go_on_from_what_they_are_given() -> None:
    sent, about = warned(user("a"), assistant("Sure: \n"), model=OLD)
    assert spoken(sent)[1] == ("assistant", ["Sure:"])
    assert about == [("PARAM_ADJUSTED", "messages[1]")]
    assert warned(user("a"), assistant("Sure:"), model=OLD)[1] == []


def test_thoughts_can_be_what_an_older_model_goes_on_from() -> None:
    proof = Reasoning(text="hm", signature=b"c2ln", provider="anthropic")
    assert body(user("a"), assistant(proof), model=OLD)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    ]


def test_newer_models_do_not_go_on_from_an_assistant_message() -> None:
    assert "end with the user's" in refused(user("a"), assistant("Sure:"))["messages[1]"]


def test_a_participants_name_cannot_be_said() -> None:
    assert set(refused(user("a", name="Ann"))) == {"messages[0].name"}
    sent, about = warned(user("a", name="Ann"))
    assert spoken(sent) == [("user", ["a"])]
    assert about == [("PARAM_DROPPED", "messages[0].name")]


@pytest.mark.parametrize(
    "message",
    [
        user(tool_use("x")),
        user(Reasoning(text="t", signature=b"s", provider="anthropic")),
        assistant(ToolResult(tool_call_id="x")),
        system(Refusal(text="no")),
    ],
)
def test_a_part_in_the_wrong_place_is_refused(message: Any) -> None:
    assert "messages[1].parts[0]" in refused(user("a"), message)


def test_all_that_is_wrong_is_told_at_once() -> None:
    found = refused(assistant(Text(text="a"), name="n"), temperature=0.5, stop=(" ",), seed=1)
    assert set(found) == {
        "messages[0].name",
        "messages[0].role",
        "messages[0]",
        "temperature",
        "stop[0]",
        "seed",
    }
