"""The conversation: turns alternate, nothing said is lost, a signature comes back on its own part."""

import base64
from typing import Any

import pytest

from domain.model.chat import Media, Message, Reasoning, Refusal, Role
from tests.unit.adapters.providers.gemini.asking import (
    NEWEST,
    OLD,
    THIRD,
    body,
    called,
    contents,
    gave,
    model,
    refusals,
    system,
    tool,
    user,
    warnings,
)

SIGNATURE = b"\xff\xfe\x01"
SIGNED = base64.b64encode(SIGNATURE).decode()


def thought(text: str = "", signature: bytes = b"", provider: str = "gemini") -> Reasoning:
    return Reasoning(text=text, signature=signature, provider=provider)


def spoken(*parts: Any, model_name: str = OLD) -> list[dict[str, Any]]:
    """Return the parts of a model's turn."""
    found: list[dict[str, Any]] = contents(user("hi"), model(*parts), model=model_name)[1]["parts"]
    return found


def test_leading_system_messages_are_the_system_instruction() -> None:
    developer = Message(role=Role.DEVELOPER, parts=user("Rhyme.").parts)
    asked = body(system("Be brief.", "", "Be kind."), developer, user("hi"))
    assert asked["systemInstruction"] == {
        "parts": [{"text": "Be brief."}, {"text": "Be kind."}, {"text": "Rhyme."}]
    }
    assert asked["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_a_later_system_message_keeps_its_place_as_text_of_the_user() -> None:
    asked = body(user("hi"), model("hello"), system("Now in French."), user("how are you?"))
    assert "systemInstruction" not in asked
    assert asked["contents"][2] == {
        "role": "user",
        "parts": [{"text": "Now in French."}, {"text": "how are you?"}],
    }


def test_a_system_message_holds_only_text() -> None:
    picture = Media(mime_type="image/png", data=b"x")
    wrong = refusals(system(picture), user("hi"), system("a", Refusal(text="no")))
    assert list(wrong) == ["messages[0].parts[0]", "messages[2].parts[1]"]


def test_neighbours_of_one_role_become_one_turn() -> None:
    assert contents(user("a"), user("b"), model("c"), model("d"), user("e")) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
        {"role": "user", "parts": [{"text": "e"}]},
    ]


def test_messages_that_say_nothing_make_no_turn() -> None:
    assert contents(user("a"), model(""), model(), user("", "b")) == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}
    ]


def test_a_conversation_with_nothing_to_answer_is_refused() -> None:
    assert list(refusals(system("Be brief."))) == ["messages"]
    assert list(refusals(user(""))) == ["messages"]


def test_the_newest_models_do_not_go_on_with_their_own_turn() -> None:
    assert list(refusals(user("a"), model("b"), model=NEWEST)) == ["messages"]
    assert contents(user("a"), model("b"), model=THIRD)[-1]["role"] == "model"


def test_a_refusal_is_what_the_model_said() -> None:
    assert spoken(Refusal(text="No."), Refusal(text="")) == [{"text": "No."}]


@pytest.mark.parametrize(
    "foreign",
    [
        thought("hm", SIGNATURE, "anthropic"),
        thought("hm", SIGNATURE, ""),
        thought("", SIGNATURE, "openrouter"),
        thought("a summary without a signature"),
        thought(),
    ],
)
def test_thoughts_that_mean_nothing_to_gemini_are_left_out(foreign: Reasoning) -> None:
    assert spoken(foreign, "so") == [{"text": "so"}]


def test_a_signed_thought_goes_back_signed() -> None:
    assert spoken(thought("hm", SIGNATURE), "so") == [
        {"text": "hm", "thought": True, "thoughtSignature": SIGNED},
        {"text": "so"},
    ]


def test_a_signature_before_text_goes_back_on_that_text_alone() -> None:
    assert spoken("one ", thought("", SIGNATURE), "two ", "three") == [
        {"text": "one "},
        {"text": "two ", "thoughtSignature": SIGNED},
        {"text": "three"},
    ]


@pytest.mark.parametrize(
    ("after", "wire"),
    [
        ((), []),
        (("",), []),
        ((Refusal(text="No."),), [{"text": "No."}]),
        ((thought("hm", b"x"),), [{"text": "hm", "thought": True, "thoughtSignature": "eA=="}]),
        ((thought("", b"x"),), [{"text": "", "thoughtSignature": "eA=="}]),
    ],
)
def test_a_signature_with_no_text_after_it_goes_back_on_an_empty_text(
    after: tuple[Any, ...], wire: list[dict[str, Any]]
) -> None:
    assert spoken("end", thought("", SIGNATURE), *after) == [
        {"text": "end"},
        {"text": "", "thoughtSignature": SIGNED},
        *wire,
    ]


def test_a_signature_never_crosses_into_the_next_message() -> None:
    turn = contents(user("hi"), model(thought("", SIGNATURE)), model("so"), model=OLD)[1]
    assert turn["parts"] == [{"text": "", "thoughtSignature": SIGNED}, {"text": "so"}]


def test_results_come_first_in_their_turn() -> None:
    turns = contents(
        user("hi"), model(called()), system("Hurry."), tool(gave("c1", "wet")), user("and?")
    )
    assert [list(part) for part in turns[2]["parts"]] == [["functionResponse"], ["text"], ["text"]]


def test_calls_results_and_thoughts_have_their_own_messages() -> None:
    thoughts = (thought("hm", SIGNATURE), thought("", SIGNATURE))
    wrong = refusals(user("hi", called(), *thoughts), model(gave()), user("so?"))
    assert list(wrong) == [
        "messages[0].parts[1]",
        "messages[0].parts[2]",
        "messages[0].parts[3]",
        "messages[1].parts[0]",
    ]


def test_media_of_both_sides_keeps_its_place() -> None:
    picture = Media(mime_type="image/png", data=b"x")
    inline = {"inlineData": {"mimeType": "image/png", "data": "eA=="}}
    turns = contents(user("a", picture), model(picture), user("b"))
    assert turns[0]["parts"] == [{"text": "a"}, inline]
    assert turns[1]["parts"] == [inline]


def test_a_participants_name_cannot_be_said() -> None:
    named = Message(role=Role.USER, parts=user("hi").parts, name="Ada")
    assert list(refusals(named)) == ["messages[0].name"]
    assert warnings(named)[0].startswith("messages[0].name ")


def test_the_name_of_a_tools_message_is_the_tools_and_no_participants() -> None:
    result = Message(role=Role.TOOL, parts=(gave(),), name="weather")
    assert len(contents(user("hi"), model(called()), result)) == 3
