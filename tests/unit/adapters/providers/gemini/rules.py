"""What Gemini demands of a request, by hand from its documentation; knows nothing of our encoder.

Source: https://ai.google.dev/api/generate-content, .../docs/function-calling, .../docs/thought-signatures
"""

import base64
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

Body = dict[str, Any]
KINDS = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}


def broken_rules(body: Body, *, signed_calls: bool, continues: bool) -> list[str]:
    """Return the names of the rules that `body` breaks, for a model of that kind."""
    broken = [rule.__name__ for rule in RULES if not rule(body)]
    if signed_calls and not first_calls_are_signed(body):
        broken.append("first_calls_are_signed")
    if not continues and body["contents"][-1]["role"] != "user":
        broken.append("ends_with_the_user")
    return broken


def top_level_is_known(body: Body) -> bool:
    return body.keys() <= {
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
        "cachedContent",
    }


def turns_alternate(body: Body) -> bool:
    roles = [turn["role"] for turn in body["contents"]]
    return (
        bool(roles)
        and set(roles) <= {"user", "model"}
        and all(one != other for one, other in pairwise(roles))
    )


def every_turn_says_something(body: Body) -> bool:
    return all(turn.keys() == {"role", "parts"} and turn["parts"] for turn in body["contents"])


def every_part_is_of_one_kind(body: Body) -> bool:
    return all(
        len(part.keys() & KINDS) == 1 and part.keys() - KINDS <= {"thought", "thoughtSignature"}
        for part in _parts(body)
    )


def empty_text_is_only_there_to_carry_a_signature(body: Body) -> bool:
    return all(part.get("text") != "" or part.get("thoughtSignature") for part in _parts(body))


def thoughts_are_signed_and_the_models(body: Body) -> bool:
    return all(
        turn["role"] == "model" and part.get("thoughtSignature") and part["text"]
        for turn in body["contents"]
        for part in turn["parts"]
        if part.get("thought")
    )


def signatures_are_base64(body: Body) -> bool:
    signatures = [part["thoughtSignature"] for part in _parts(body) if "thoughtSignature" in part]
    for signature in signatures:
        base64.b64decode(signature.translate(str.maketrans("-_", "+/")), validate=True)
    return all(signatures)


def calls_are_the_models_and_results_the_users(body: Body) -> bool:
    homes = {"functionCall": "model", "functionResponse": "user"}
    return all(
        homes.get(kind, turn["role"]) == turn["role"]
        for turn in body["contents"]
        for part in turn["parts"]
        for kind in part
    )


def results_follow_their_calls_in_number_and_order(body: Body) -> bool:
    empty: Body = {"parts": []}
    for turn, following in pairwise([empty, *body["contents"], empty]):
        calls = [part["functionCall"] for part in turn["parts"] if "functionCall" in part]
        answers = following["parts"][: len(calls)]
        later = following["parts"][len(calls) :]
        if any("functionResponse" in part for part in later):
            return False
        pairs = zip(calls, (part.get("functionResponse", {}) for part in answers), strict=False)
        if len(answers) < len(calls) or not all(_fits(call, answer) for call, answer in pairs):
            return False
    return True


def _fits(call: Body, answer: Body) -> bool:
    return (
        isinstance(call["args"], dict)
        and isinstance(answer.get("response"), dict)
        and answer["name"] == call["name"]
        and answer.get("id") == call.get("id")
        and not call.get("id", "").startswith("synthetic-")
    )


def the_system_instruction_is_text(body: Body) -> bool:
    instruction = body.get("systemInstruction", {"parts": [{"text": "x"}]})
    return bool(instruction["parts"]) and all(
        part.keys() == {"text"} and part["text"] for part in instruction["parts"]
    )


def thinking_is_asked_for_in_one_way(body: Body) -> bool:
    config = _config(body).get("thinkingConfig", {"includeThoughts": True})
    return bool(config) and not {"thinkingBudget", "thinkingLevel"} <= config.keys()


def at_most_five_stop_sequences(body: Body) -> bool:
    return len(_config(body).get("stopSequences", "x")) in range(1, 6)


def schemas_are_where_json_schema_belongs(body: Body) -> bool:
    config = _config(body)
    of_answer = "responseJsonSchema" not in config or (
        config.get("responseMimeType") == "application/json" and "responseSchema" not in config
    )
    return of_answer and all(
        declaration.keys() <= {"name", "description", "parametersJsonSchema"}
        for declaration in _declarations(body)
    )


def choices_name_declared_functions_in_modes_that_take_names(body: Body) -> bool:
    config = body.get("toolConfig", {}).get("functionCallingConfig")
    if config is None:
        return "toolConfig" not in body
    names = config.get("allowedFunctionNames")
    declared = {declaration["name"] for declaration in _declarations(body)}
    return config["mode"] in {"AUTO", "ANY", "NONE", "VALIDATED"} and (
        names is None or (config["mode"] in {"ANY", "VALIDATED"} and set(names) <= declared)
    )


def cached_content_stands_alone(body: Body) -> bool:
    return "cachedContent" not in body or not (
        body.keys() & {"systemInstruction", "tools", "toolConfig"}
    )


def first_calls_are_signed(body: Body) -> bool:
    for turn in body["contents"]:
        calls = [part for part in turn["parts"] if "functionCall" in part]
        if calls and not calls[0].get("thoughtSignature"):
            return False
    return True


def _parts(body: Body) -> list[Body]:
    return [part for turn in body["contents"] for part in turn["parts"]]


def _config(body: Body) -> Body:
    config: Body = body.get("generationConfig", {})
    return config


def _declarations(body: Body) -> list[Body]:
    return [each for tool in body.get("tools", ()) for each in tool["functionDeclarations"]]


RULES: Sequence[Callable[[Body], bool]] = (
    top_level_is_known,
    turns_alternate,
    every_turn_says_something,
    every_part_is_of_one_kind,
    empty_text_is_only_there_to_carry_a_signature,
    thoughts_are_signed_and_the_models,
    signatures_are_base64,
    calls_are_the_models_and_results_the_users,
    results_follow_their_calls_in_number_and_order,
    the_system_instruction_is_text,
    thinking_is_asked_for_in_one_way,
    at_most_five_stop_sequences,
    schemas_are_where_json_schema_belongs,
    choices_name_declared_functions_in_modes_that_take_names,
    cached_content_stands_alone,
)
