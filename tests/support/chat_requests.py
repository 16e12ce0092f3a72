"""Requests of every kind, for the laws of the Chat Completions codecs; and their schemas, made strict."""

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from domain.model.caching import CacheControl
from domain.model.call import ChatCall, Delivery
from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonObjectFormat,
    JsonSchemaFormat,
    Media,
    Message,
    Reasoning,
    ReasoningConfig,
    ReasoningEffort,
    Refusal,
    Role,
    Text,
    TextFormat,
    ToolCall,
    ToolResult,
    UnsupportedParams,
)
from domain.model.model_info import ModelInfo
from domain.model.tools import Tool, ToolChoice, ToolMode
from domain.policy.capability import unsupported

WORDS = st.sampled_from(["", " ", "a", "Ö\u2028é", 'say "x"\n'])
OBJECTS = st.sampled_from(["", "{}", '{"a": [1, null], "b": {"c": "é"}}'])


@st.composite
def calls(draw: st.DrawFn, models: Sequence[str], ttls_s: Sequence[float | None]) -> ChatCall:
    """Return a call for one of `models`, with breakpoints that may be kept for one of `ttls_s`."""
    marks = st.sampled_from([None] * 12 + [CacheControl(ttl_s=ttl_s) for ttl_s in ttls_s])
    tools = st.builds(
        Tool,
        name=st.sampled_from(["f", "g", "h"]),
        description=WORDS,
        parameters_json_schema=st.sampled_from(["", '{"type": "object", "required": ["b", "a"]}']),
        strict=st.sampled_from([None, True, False]),
        cache_control=marks,
    )
    effort = st.sampled_from([None, *ReasoningEffort])
    shown = st.sampled_from([None, None, True, False])
    request = st.builds(
        ChatRequest,
        model=st.sampled_from(models),
        messages=st.lists(_exchange(marks), min_size=1, max_size=3).map(
            lambda found: tuple(message for each in found for message in each)
        ),
        temperature=st.sampled_from([None, None, 0.0, 1.0, 2.0]),
        top_p=st.sampled_from([None, None, 0.5]),
        top_k=st.sampled_from([None, None, 5]),
        max_tokens=st.sampled_from([None, 1, 20_000]),
        stop=st.sampled_from([(), (), ("END",)]),
        seed=st.sampled_from([None, None, 7]),
        presence_penalty=st.sampled_from([None, None, -1.0]),
        cache_control=marks,
        tools=st.lists(tools, max_size=2, unique_by=lambda tool: tool.name).map(tuple),
        tool_choice=st.none()
        | st.builds(
            ToolChoice,
            mode=st.sampled_from(ToolMode),
            allowed_names=st.sampled_from([(), ("f",), ("f", "g")]),
        ),
        parallel_tool_calls=st.sampled_from([None, True, False]),
        response_format=st.sampled_from(
            [None, TextFormat(), JsonObjectFormat(), JsonSchemaFormat(name="n", schema='{"a":1}')]
        ),
        reasoning=st.none()
        | st.builds(ReasoningConfig, effort=effort, include_content=shown)
        | st.builds(ReasoningConfig, budget_tokens=st.sampled_from([0, 9_000])),
        end_user=st.sampled_from(["", "u-1"]),
        unsupported_params=st.sampled_from(UnsupportedParams),
    )
    return ChatCall(
        request=draw(request), delivery=draw(st.sampled_from(Delivery)), request_id="r-1"
    )


@st.composite
def _exchange(draw: st.DrawFn, marks: st.SearchStrategy[CacheControl | None]) -> list[Message]:
    """Return a question, and sometimes its answer, the calls in it and their results."""
    texts = st.builds(Text, text=WORDS, cache_control=marks)
    media = st.one_of(
        st.builds(
            Media,
            mime_type=st.sampled_from(["image/png", "application/pdf", "audio/wav"]),
            data=st.sampled_from([b"", b"\x00\n"]),
            cache_control=marks,
        ),
        st.builds(Media, uri=st.just("https://x.test/a"), cache_control=marks),
    )
    asked = st.builds(
        Message,
        role=st.sampled_from([Role.SYSTEM, Role.DEVELOPER, Role.USER]),
        parts=st.lists(texts, min_size=1, max_size=2).map(tuple),
        name=st.sampled_from(["", "", "ann"]),
        cache_control=marks,
    )
    pictured = st.builds(
        Message,
        role=st.just(Role.USER),
        parts=st.lists(texts | media, min_size=1, max_size=3).map(tuple),
    )
    found = [draw(asked), draw(asked | pictured)]
    ids = [f"call_{number}" for number in range(draw(st.integers(0, 2)))]
    thoughts = st.builds(
        Reasoning,
        text=WORDS,
        signature=st.sampled_from([b"", b'[{"type":"reasoning.text","text":"a"}]']),
        provider=st.sampled_from(["openrouter", "anthropic", ""]),
    )
    said: list[ContentPart] = draw(
        st.lists(texts | thoughts | st.builds(Refusal, text=WORDS), max_size=2)
    )
    called = [ToolCall(id=id_, name="f", arguments_json=draw(OBJECTS)) for id_ in ids]
    found.append(Message(role=Role.ASSISTANT, parts=(*said, *called), cache_control=draw(marks)))
    results = tuple(
        ToolResult(
            tool_call_id=id_,
            content=tuple(draw(st.lists(texts, max_size=2))),
            is_error=draw(st.booleans()),
            cache_control=draw(marks),
        )
        for id_ in ids
    )
    return [*found, Message(role=Role.TOOL, parts=results)] if results else found


def passes(call: ChatCall, info: ModelInfo) -> ChatCall | None:
    """Return what the service hands on of `call` to a model of `info`; None: it refuses it."""
    request = call.request
    for each in unsupported(request, info):
        if each.drop is None or request.unsupported_params is UnsupportedParams.REJECT:
            return None
        request = each.drop(request)
    return ChatCall(request=request, delivery=call.delivery, request_id=call.request_id)


def strict(schema: Any) -> Any:
    """Return `schema`, of a body we write, with no other fields than those it names."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return copy.deepcopy(schema)
    found = {key: strict(value) for key, value in schema.items()}
    if isinstance(found.get("properties"), dict) and found["properties"] and "allOf" not in found:
        found.setdefault("additionalProperties", False)
    return found
