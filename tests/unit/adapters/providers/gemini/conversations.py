"""Requests for hypothesis: sensible ones, which must all be sayable, and wild ones, which may be refused."""

from typing import Any

from hypothesis import strategies as st

from adapters.providers.gemini.calls import made_up_id
from domain.model.caching import CacheControl
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
from domain.model.tools import Tool, ToolChoice, ToolMode

MODELS = (
    "gemini-3.8-flash",
    "gemini-3.5-flash",
    "models/gemini-3.1-pro-preview",
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-2.0-flash",
    "gemma-4-31b-it",
    "something-else",
)
NAMES = ("weather", "now", "search")
OBJECTS = st.sampled_from(["{}", '{"a":1}', ' {"b" : [1, {"c": "é"}]} ', '{"x":1e400}', ""])
SCHEMAS = st.sampled_from(['{"type":"object"}', '{"type": "object", "properties": {}}', ""])
words = st.text(max_size=8)
said = words.filter(bool)
marks = st.none() | st.just(CacheControl())
texts = st.builds(Text, text=words, cache_control=marks)
media = st.builds(Media, mime_type=st.just("image/png"), data=st.binary(max_size=4)) | st.builds(
    Media, uri=st.just("gs://bucket/a.pdf"), mime_type=st.sampled_from(["", "application/pdf"])
)
thoughts = st.builds(
    Reasoning,
    text=words,
    signature=st.binary(max_size=3),
    provider=st.sampled_from(["gemini", "anthropic", ""]),
)
refusals = st.builds(Refusal, text=words)
ids = st.sampled_from(["", "call_1", "a1b2", made_up_id("r", 0)])


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    """A model's turn with calls, perhaps in several messages, and its results in any order and grouping."""
    count = draw(st.integers(1, 3))
    calls = [
        ToolCall(
            id=f"{draw(ids)}{index}",
            name=draw(st.sampled_from(NAMES)),
            arguments_json=draw(OBJECTS.filter(lambda text: "e400" not in text)),
            signature=draw(st.binary(max_size=2)),
        )
        for index in range(count)
    ]
    before = draw(st.lists(texts | thoughts | refusals, max_size=2))
    spoken = [Message(role=Role.ASSISTANT, parts=(*before, *calls))]
    if draw(st.booleans()):
        spoken = [Message(role=Role.ASSISTANT, parts=(each,)) for each in (*before, *calls)]
    results = [
        ToolResult(
            tool_call_id=each.id,
            content=tuple(draw(st.lists(texts, max_size=2))),
            is_error=draw(st.booleans()),
        )
        for each in draw(st.permutations(calls))
    ]
    answered = [Message(role=Role.TOOL, parts=tuple(results))]
    if draw(st.booleans()):
        answered = [Message(role=Role.TOOL, parts=(each,)) for each in results]
    if draw(st.booleans()):
        role = draw(st.sampled_from([Role.SYSTEM, Role.DEVELOPER, Role.USER]))
        at = draw(st.integers(0, len(answered)))
        answered.insert(at, Message(role=role, parts=(Text(text="psst"),)))
    return [*spoken, *answered]


@st.composite
def talks(draw: st.DrawFn) -> tuple[Message, ...]:
    """A conversation that makes sense and ends with the user."""
    systems = st.builds(
        Message,
        role=st.sampled_from([Role.SYSTEM, Role.DEVELOPER]),
        parts=st.lists(texts, min_size=1, max_size=2).map(tuple),
    )
    turn = st.one_of(
        st.lists(texts | media, max_size=3).map(lambda parts: [_turn(Role.USER, parts)]),
        st.lists(texts | thoughts | refusals, max_size=3).map(
            lambda parts: [_turn(Role.ASSISTANT, parts)]
        ),
        systems.map(lambda message: [message]),
        exchanges(),
    )
    leading = draw(st.lists(systems, max_size=2))
    middle = [each for messages in draw(st.lists(turn, max_size=5)) for each in messages]
    last = _turn(Role.USER, [Text(text=draw(said))])
    return (*leading, *middle, last)


def _turn(role: Role, parts: list[Any]) -> Message:
    return Message(role=role, parts=tuple(parts))


tools = st.lists(
    st.builds(
        Tool,
        name=st.sampled_from(NAMES),
        description=words,
        parameters_json_schema=SCHEMAS,
        strict=st.sampled_from([None, True, False]),
        cache_control=marks,
    ),
    max_size=3,
    unique_by=lambda tool: tool.name,
).map(tuple)
reasonings = st.builds(
    ReasoningConfig,
    effort=st.none() | st.sampled_from(ReasoningEffort),
    include_content=st.sampled_from([None, True, False]),
) | st.builds(ReasoningConfig, budget_tokens=st.sampled_from([0, 1, 128, 2048, 10**6]))
formats = st.sampled_from(
    [
        None,
        TextFormat(),
        JsonObjectFormat(),
        JsonSchemaFormat(name="x", schema='{"type": "object"}'),
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    """A request that makes sense; what its model does not take may be dropped."""
    declared = draw(tools)
    choices = st.builds(
        ToolChoice,
        mode=st.sampled_from(ToolMode),
        allowed_names=st.lists(
            st.sampled_from([each.name for each in declared] or ["none"]), unique=True
        ).map(tuple),
    )
    return ChatRequest(
        model=draw(st.sampled_from(MODELS)),
        messages=draw(talks()),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(1, 100)),
        max_tokens=draw(st.none() | st.integers(1, 10**6)),
        stop=draw(st.lists(said, max_size=5).map(tuple)),
        seed=draw(st.none() | st.integers(-(2**31), 2**31 - 1)),
        presence_penalty=draw(st.none() | st.floats(-2, 2)),
        frequency_penalty=draw(st.none() | st.floats(-2, 2)),
        cache_control=draw(marks),
        tools=declared,
        tool_choice=draw(st.none() | choices) if declared else None,
        parallel_tool_calls=draw(st.sampled_from([None, True, False])),
        response_format=draw(formats),
        reasoning=draw(st.none() | reasonings),
        end_user=draw(words),
        unsupported_params=UnsupportedParams.WARN_AND_DROP,
    )


calls = st.builds(ToolCall, id=ids, name=st.sampled_from(NAMES), arguments_json=OBJECTS)
results = st.builds(
    ToolResult,
    tool_call_id=ids,
    content=st.lists(texts | media | refusals, max_size=2).map(tuple),
    name=st.sampled_from(["", "weather"]),
)
anything: st.SearchStrategy[ContentPart] = texts | media | thoughts | refusals | calls | results
wild = st.builds(
    ChatRequest,
    model=st.sampled_from(MODELS),
    messages=st.lists(
        st.builds(
            Message,
            role=st.sampled_from(Role),
            parts=st.lists(anything, max_size=3).map(tuple),
            name=st.sampled_from(["", "Ada"]),
        ),
        max_size=5,
    ).map(tuple),
    stop=st.lists(said, max_size=7).map(tuple),
    unsupported_params=st.sampled_from(UnsupportedParams),
)
