"""Function calls and their results.

Laws: a turn's results stand right after its calls, one for each and in their order; an id goes back
only if it is not one that this gateway made up; the first call of a turn carries a signature where the
model demands one.

Ids that Gemini gave and ids of other providers cannot be told apart, and need not be: Gemini takes any
id that stands on a call and on its result alike (recorded with other makers' ids,
``tests/contract/gemini``).

Source: https://ai.google.dev/gemini-api/docs/generate-content/function-calling and .../thought-signatures
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import orjson

from adapters.providers.gemini.draft import Draft, is_json_object
from adapters.providers.gemini.media import base64_of, media
from domain.model.chat import Media, Text, ToolCall, ToolResult
from domain.model.json_value import JsonObject

MADE_UP = "synthetic-"
"""Begins the ids that are made up where Gemini gives none."""

UNSIGNED = "skip_thought_signature_validator"
"""Stands for the signature of a call that Gemini 3 did not make itself; documented for that."""


@attrs.frozen
class Placed:
    """A call or a result, and where it stands in the request."""

    part: Any
    path: str


def made_up_id(seed: str, position: int) -> str:
    """Return an id for the call at `position` of the answer that `seed` names; the same for the same two."""
    digest = hashlib.blake2s(seed.encode(), digest_size=8).hexdigest()
    return f"{MADE_UP}{digest}-{position}"


def function_call(call: ToolCall, path: str, first: bool, draft: Draft) -> JsonObject:
    """Return the part for `call`; `first` of its turn."""
    arguments = draft.json_object(call.arguments_json or "{}", f"{path}.tool_call.arguments_json")
    part: dict[str, Any] = {
        "functionCall": {"name": call.name, "args": arguments, **_id(call.id)},
    }
    if call.signature:
        part["thoughtSignature"] = base64_of(call.signature)
    elif first and draft.facts.signed_calls:
        part["thoughtSignature"] = UNSIGNED
    return part


def function_responses(
    calls: Sequence[Placed], results: Sequence[Placed], draft: Draft
) -> Iterator[JsonObject]:
    """Give the parts that answer `calls`, in their order; what does not fit is refused."""
    left = list(results)
    for call in calls:
        # Where Gemini gave no ids, a caller may send none either: then names tell.
        fitting = [each for each in left if each.part.tool_call_id == call.part.id]
        named = (each for each in fitting if each.part.name in ("", call.part.name))
        found = next(named, None) or next(iter(fitting), None)
        if found is None:
            draft.refuse(
                call.path,
                f"the call {call.part.id!r} has no result: Gemini wants a tool_result for each call"
                " in the messages right after it",
            )
        else:
            left.remove(found)
            yield _function_response(found.part, call.part, found.path, draft)
    for each in left:
        draft.refuse(
            f"{each.path}.tool_result.tool_call_id",
            f"answers {each.part.tool_call_id!r}, which is no call of the turn right before it"
            " that is still without a result",
        )


def _function_response(result: ToolResult, call: ToolCall, path: str, draft: Draft) -> JsonObject:
    if result.name not in ("", call.name):
        draft.refuse(
            f"{path}.tool_result.name",
            f"is {result.name!r}, but the call that it answers is one of {call.name!r}: say that, or"
            " nothing",
        )
    texts: list[str] = []
    pictures: list[JsonObject] = []
    for index, part in enumerate(result.content):
        at = f"{path}.tool_result.content[{index}]"
        if isinstance(part, Text):
            texts.append(part.text)
        elif not isinstance(part, Media):
            draft.refuse(at, "a tool result holds text and media only")
        elif not draft.facts.media_results:
            draft.refuse(
                f"{at}.media",
                f"{draft.model} takes only text in a tool's result: send media in a user message after it",
            )
        else:
            wire = media(part, at, draft)
            pictures += [] if wire is None else [wire]
    response: dict[str, Any] = {
        "name": result.name or call.name,
        "response": _response("\n".join(texts), result.is_error),
        **_id(call.id),
    }
    if pictures:
        response["parts"] = pictures
    return {"functionResponse": response}


def _response(text: str, failed: bool) -> Any:
    """Return what a tool gave as the object that Gemini wants; an object goes through byte for byte."""
    said: Any = orjson.Fragment(text) if is_json_object(text) else text
    if failed:
        return {"error": said}
    return {"output": said} if said is text else said


def _id(call_id: str) -> dict[str, str]:
    return {"id": call_id} if call_id and not call_id.startswith(MADE_UP) else {}
