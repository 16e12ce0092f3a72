"""Requests of every kind, most of them good ones."""

from hypothesis import strategies as st

from adapters.providers.anthropic.models import MODELS
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

WORDS = st.sampled_from(["", " ", "a", "Ö\u2028é", 'say "x"\n', "end \n"])
CONTROLS = st.sampled_from([None] * 20 + [CacheControl(), CacheControl(300), CacheControl(3600)])
TEXTS = st.builds(Text, text=WORDS, cache_control=CONTROLS)
MEDIA = st.one_of(
    st.builds(
        Media,
        mime_type=st.sampled_from(["image/png", "image/jpg", "application/pdf", "text/plain"]),
        data=st.sampled_from([b"", b"x", b"\x00\n"]),
        cache_control=CONTROLS,
    ),
    st.builds(Media, uri=st.sampled_from(["https://x.test/a", "https://x.test/a.pdf"])),
    st.builds(Media, mime_type=st.just("image/png"), file_id=st.just("file_1")),
)
REASONING = st.builds(
    Reasoning,
    text=WORDS,
    signature=st.sampled_from([b"", b"c2ln"]),
    redacted=st.booleans(),
    provider=st.sampled_from(["anthropic", "anthropic", "gemini", ""]),
)
OBJECTS = st.sampled_from(["", "{}", '{"a": [1, null], "b": {"c": "é"}}'])


@st.composite
def exchanges(draw: st.DrawFn) -> list[Message]:
    """Return one question, and sometimes its answer, the calls in it and their results."""
    message = st.builds(
        Message,
        role=st.sampled_from([Role.USER, Role.USER, Role.SYSTEM, Role.DEVELOPER]),
        parts=st.lists(TEXTS, min_size=1, max_size=2).map(tuple),
        cache_control=CONTROLS,
    )
    found = draw(st.lists(message, max_size=2))
    parts = st.lists(st.one_of(TEXTS, MEDIA), max_size=2)
    found.append(
        Message(
            role=Role.USER,
            parts=(*draw(parts), Text(text="and?")),
            cache_control=draw(CONTROLS),
        )
    )
    if draw(st.booleans()):
        return found
    count = draw(st.sampled_from([0, 0, 1, 2]))
    ids = [f"{draw(st.sampled_from(['call', 'functions.f:']))}{n}" for n in range(count)]
    said = st.one_of(TEXTS, REASONING, st.builds(Refusal, text=WORDS))
    calls: list[ContentPart] = [
        ToolCall(id=id_, name="f", arguments_json=draw(OBJECTS), cache_control=draw(CONTROLS))
        for id_ in ids
    ]
    thought = draw(st.lists(said, max_size=3))
    found.append(
        Message(role=Role.ASSISTANT, parts=(*thought, *calls), cache_control=draw(CONTROLS))
    )
    inner = st.lists(st.one_of(TEXTS, MEDIA), max_size=2).map(tuple)
    results = [
        ToolResult(
            tool_call_id=id_,
            content=draw(inner),
            is_error=draw(st.booleans()),
            cache_control=draw(CONTROLS),
        )
        for id_ in ids
    ]
    if draw(st.booleans()):
        found += [Message(role=Role.TOOL, parts=(each,)) for each in results]
    elif results:
        found.append(Message(role=Role.TOOL, parts=tuple(results), cache_control=draw(CONTROLS)))
    return found


NUMBERS = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 0.97, 1.0, 1.5, 2.0]))
TOOLS = st.builds(
    Tool,
    name=st.sampled_from(["f", "g", "h"]),
    description=WORDS,
    parameters_json_schema=st.sampled_from(["", '{"type": "object", "required": ["b", "a"]}']),
    strict=st.sampled_from([None, True, False]),
    cache_control=CONTROLS,
)
REQUESTS = st.builds(
    ChatRequest,
    model=st.sampled_from([*MODELS, "claude-opus-6"]),
    messages=st.lists(exchanges(), min_size=1, max_size=4).map(
        lambda found: tuple(message for each in found for message in each)
    ),
    temperature=NUMBERS,
    top_p=NUMBERS.map(lambda number: number if number is None else min(number, 1.0)),
    top_k=st.sampled_from([None, None, 5]),
    max_tokens=st.sampled_from([None, None, 1, 1_500, 20_000, 20_000]),
    stop=st.sampled_from([(), ("END",)]),
    seed=st.sampled_from([None, None, 7]),
    cache_control=CONTROLS,
    tools=st.lists(TOOLS, max_size=3, unique_by=lambda tool: tool.name).map(tuple),
    tool_choice=st.one_of(
        st.none(),
        st.builds(
            ToolChoice,
            mode=st.sampled_from(ToolMode),
            allowed_names=st.sampled_from([(), ("f",), ("f", "g")]),
        ),
    ),
    parallel_tool_calls=st.sampled_from([None, True, False]),
    response_format=st.sampled_from(
        [None, TextFormat(), JsonObjectFormat(), JsonSchemaFormat(name="n", schema='{"a":1}')]
    ),
    reasoning=st.one_of(
        st.none(),
        st.builds(
            ReasoningConfig,
            effort=st.sampled_from([None, *ReasoningEffort]),
            include_content=st.sampled_from([None, True, False]),
        ),
        st.builds(ReasoningConfig, budget_tokens=st.sampled_from([0, 1_024, 9_000])),
    ),
    end_user=st.sampled_from(["", "u-1"]),
    unsupported_params=st.sampled_from(
        [UnsupportedParams.WARN_AND_DROP] * 3 + [*UnsupportedParams]
    ),
)
