"""Function calls and their results: as many, in the same order, by the same name, signed on demand."""

import base64
from typing import Any

import pytest

from adapters.providers.gemini.calls import MADE_UP, UNSIGNED, made_up_id
from domain.model.chat import Media, Refusal
from tests.unit.adapters.providers.gemini.asking import (
    NEWEST,
    OLD,
    THIRD,
    call,
    called,
    contents,
    encoded,
    gave,
    model,
    refusals,
    tool,
    user,
)

PICTURE = Media(mime_type="image/png", data=b"x")


def responses(*results: Any, calls: tuple[Any, ...] = (), **fields: Any) -> list[dict[str, Any]]:
    """Return the function responses that answer `calls`."""
    turns = contents(user("hi"), model(*(calls or (called(),))), *results, **fields)
    return [part["functionResponse"] for part in turns[2]["parts"]]


def response(result: Any) -> Any:
    return responses(tool(result))[0]["response"]


def test_results_stand_in_the_order_of_their_calls_however_they_came() -> None:
    two = (called("c1", "a"), called("c2", "b"))
    answers = responses(tool(gave("c2", "second")), tool(gave("c1", "first")), calls=two)
    assert answers == [
        {"name": "a", "id": "c1", "response": {"output": "first"}},
        {"name": "b", "id": "c2", "response": {"output": "second"}},
    ]


def test_the_name_is_looked_up_through_the_id() -> None:
    assert responses(tool(gave("c1", "x")))[0]["name"] == "weather"
    assert responses(tool(gave("c1", "x", name="weather")))[0]["name"] == "weather"


@pytest.mark.parametrize("known_by", ["c1", ""])
def test_a_result_of_another_function_is_refused(known_by: str) -> None:
    wrong = tool(gave(known_by, "x", name="forecast"))
    path = "messages[2].parts[0].tool_result.name"
    assert list(refusals(user("hi"), model(called(known_by)), wrong)) == [path]


def test_without_ids_names_tell_which_call_is_answered() -> None:
    two = (called("", "f"), called("", "g"))
    answers = responses(tool(gave("", "1", name="g"), gave("", "2", name="f")), calls=two)
    assert [(each["name"], each["response"]["output"]) for each in answers] == [
        ("f", "2"),
        ("g", "1"),
    ]


def test_calls_that_share_an_id_are_answered_in_turn() -> None:
    same = (called("c", "f"), called("c", "f"))
    answers = responses(tool(gave("c", "1"), gave("c", "2")), calls=same)
    assert [each["response"]["output"] for each in answers] == ["1", "2"]


def test_an_id_of_ours_is_not_sent() -> None:
    made_up = made_up_id("answer", 0)
    turns = contents(user("hi"), model(called(made_up)), tool(gave(made_up, "x")))
    assert "id" not in turns[1]["parts"][0]["functionCall"]
    assert "id" not in turns[2]["parts"][0]["functionResponse"]


def test_an_empty_id_is_not_sent() -> None:
    turns = contents(user("hi"), model(called("")), tool(gave("", "x")))
    assert "id" not in turns[1]["parts"][0]["functionCall"]


def test_made_up_ids_tell_answers_and_calls_apart_and_suit_other_providers() -> None:
    ids = {made_up_id(seed, position) for seed in ("a", "b") for position in (0, 1, 10)}
    assert len(ids) == 6
    assert made_up_id("a", 0) == made_up_id("a", 0)
    for id_ in ids:
        assert id_.startswith(MADE_UP)
        assert len(id_) <= 40
        assert id_.replace("-", "").isalnum()


@pytest.mark.parametrize(
    ("said", "wire"),
    [
        (("wet",), {"output": "wet"}),
        (("wet", "cold"), {"output": "wet\ncold"}),
        ((), {"output": ""}),
        (("5",), {"output": "5"}),
        (("[1]",), {"output": "[1]"}),
        (('"text"',), {"output": '"text"'}),
        (("null",), {"output": "null"}),
        (('{"rain": true}',), {"rain": True}),
        (("{broken",), {"output": "{broken"}),
    ],
)
def test_a_result_is_an_object(said: tuple[str, ...], wire: Any) -> None:
    assert response(gave("c1", *said)) == wire


def test_a_failure_is_said_as_an_error() -> None:
    assert response(gave("c1", "no net", is_error=True)) == {"error": "no net"}
    assert response(gave("c1", '{"code": 5}', is_error=True)) == {"error": {"code": 5}}


def test_arguments_and_results_go_through_byte_for_byte() -> None:
    arguments, result = '{"b":1,  "a":0.10}', '{ "z": 1e2 }'
    sent = encoded(
        user("hi"), model(called(arguments_json=arguments)), tool(gave("c1", result))
    ).body
    assert arguments.encode() in sent
    assert result.encode() in sent


def test_absent_arguments_are_an_empty_object() -> None:
    turns = contents(user("hi"), model(called(arguments_json="")), tool(gave("c1", "x")))
    assert turns[1]["parts"][0]["functionCall"]["args"] == {}


@pytest.mark.parametrize("wrong", ["[]", '"x"', "{", '{"a": NaN}', "\ud800"])
def test_arguments_that_are_no_object_are_refused(wrong: str) -> None:
    found = refusals(user("hi"), model(called(arguments_json=wrong)), tool(gave("c1", "x")))
    assert list(found) == ["messages[1].parts[0].tool_call.arguments_json"]


def test_a_call_without_a_result_is_refused() -> None:
    two = model(called("c1"), called("c2"))
    assert list(refusals(user("hi"), two, tool(gave("c1", "x")))) == ["messages[1].parts[1]"]
    assert list(refusals(user("hi"), two)) == ["messages[1].parts[0]", "messages[1].parts[1]"]


def test_a_result_that_comes_late_is_refused() -> None:
    found = refusals(
        user("hi"), model(called()), user("wait"), model("yes?"), tool(gave("c1", "x"))
    )
    assert list(found) == ["messages[1].parts[0]", "messages[4].parts[0].tool_result.tool_call_id"]


def test_a_result_without_a_call_is_refused() -> None:
    path = "messages[2].parts[1].tool_result.tool_call_id"
    assert list(refusals(user("hi"), model(called()), tool(gave("c1"), gave("c1")))) == [path]
    assert list(refusals(tool(gave("c9")))) == ["messages[0].parts[0].tool_result.tool_call_id"]


def signatures(*calls: Any, name: str) -> list[str | None]:
    results = tool(*(gave(each.id, "x") for each in calls))
    turn = contents(user("hi"), model(*calls), results, model=name)[1]
    return [part.get("thoughtSignature") for part in turn["parts"]]


def test_a_signature_comes_back_on_its_call() -> None:
    own = base64.b64encode(b"\x00\xff").decode()
    assert signatures(called("a", signature=b"\x00\xff"), called("b"), name=NEWEST) == [own, None]
    assert signatures(called("a", signature=b"\x00\xff"), called("b"), name=OLD) == [own, None]


def test_a_call_from_elsewhere_carries_the_documented_stand_in_where_one_is_demanded() -> None:
    assert signatures(called("a"), called("b"), name=NEWEST) == [UNSIGNED, None]
    assert signatures(called("a"), called("b"), name=THIRD) == [UNSIGNED, None]
    assert signatures(called("a"), called("b"), name=OLD) == [None, None]


def test_every_step_of_a_sequence_is_signed() -> None:
    steps = [message for step in "ab" for message in (model(called(step)), tool(gave(step, "x")))]
    turns = contents(user("hi"), *steps)
    assert [turn["parts"][0].get("thoughtSignature") for turn in turns] == [
        None,
        UNSIGNED,
        None,
        UNSIGNED,
        None,
    ]


def test_media_in_a_result_goes_beside_the_object_where_the_model_reads_it() -> None:
    sound = Media(mime_type="audio/wav", uri="gs://bucket/a.wav")
    answer = responses(tool(gave("c1", "see", PICTURE, sound)), model=THIRD)[0]
    assert answer["response"] == {"output": "see"}
    assert answer["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "gs://bucket/a.wav"}},
    ]


def test_media_in_a_result_is_refused_where_the_model_does_not_read_it() -> None:
    asked = (user("hi"), model(called()), tool(gave("c1", "see", PICTURE)))
    found = refusals(*asked, model=OLD)
    assert list(found) == ["messages[2].parts[0].tool_result.content[1].media"]


def test_a_result_holds_nothing_but_text_and_media() -> None:
    asked = (user("hi"), model(called()), tool(gave("c1", Refusal(text="no"))))
    assert list(refusals(*asked)) == ["messages[2].parts[0].tool_result.content[0]"]


def test_an_unreadable_address_in_a_result_is_refused_by_its_path() -> None:
    far = Media(mime_type="image/png", uri="https://example.com/a.png")
    asked = (user("hi"), model(called()), tool(gave("c1", far)))
    assert list(refusals(*asked)) == ["messages[2].parts[0].tool_result.content[0].media.uri"]


def test_the_same_call_is_the_same_bytes() -> None:
    asked = call(user("hi"), model(called(), "so"), tool(gave("c1", "x")))
    assert len({encoded(*asked.request.messages).body for _ in range(3)}) == 1
