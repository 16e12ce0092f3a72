"""What a model does not take of a request."""

import attrs
import pytest

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
)
from domain.model.model_info import Feature, ModelInfo
from domain.model.tools import Tool, ToolChoice
from domain.policy.capability import part_feature, unsupported
from tests.support.core_model import question

TOOLS = (Tool(name="f"),)
EVERYTHING = frozenset(Feature)


def lacking(*features: Feature) -> ModelInfo:
    return ModelInfo(provider="p", model="m", features=EVERYTHING - set(features))


# What uses a feature, where it shows, and the request without it.
PARAMETERS: list[tuple[Feature, dict[str, object], str, dict[str, object]]] = [
    (
        Feature.TOOLS,
        {"tools": TOOLS, "tool_choice": ToolChoice(), "parallel_tool_calls": True},
        "tools",
        {},
    ),
    (
        Feature.PARALLEL_TOOL_CALLS,
        {"tools": TOOLS, "parallel_tool_calls": False},
        "parallel_tool_calls",
        {"tools": TOOLS},
    ),
    (
        Feature.JSON_OBJECT,
        {"response_format": JsonObjectFormat()},
        "response_format.json_object",
        {},
    ),
    (
        Feature.JSON_SCHEMA,
        {"response_format": JsonSchemaFormat(name="n", schema="{}")},
        "response_format.json_schema",
        {},
    ),
    (
        Feature.REASONING_EFFORT,
        {"reasoning": ReasoningConfig(effort=ReasoningEffort.NONE, include_content=True)},
        "reasoning.effort",
        {"reasoning": ReasoningConfig(include_content=True)},
    ),
    (
        Feature.REASONING_BUDGET,
        {"reasoning": ReasoningConfig(budget_tokens=0)},
        "reasoning.budget_tokens",
        {"reasoning": ReasoningConfig()},
    ),
    (
        Feature.REASONING_CONTENT,
        {"reasoning": ReasoningConfig(include_content=True)},
        "reasoning.include_content",
        {"reasoning": ReasoningConfig()},
    ),
    (Feature.TEMPERATURE, {"temperature": 0.0}, "temperature", {}),
    (Feature.TOP_P, {"top_p": 0.0}, "top_p", {}),
    (Feature.TOP_K, {"top_k": 1}, "top_k", {}),
    (Feature.SEED, {"seed": 0}, "seed", {}),
    (Feature.STOP, {"stop": ("x",)}, "stop", {}),
    (Feature.PENALTIES, {"presence_penalty": 0.0}, "presence_penalty", {}),
    (Feature.PENALTIES, {"frequency_penalty": 0.0}, "frequency_penalty", {}),
    (Feature.END_USER, {"end_user": "u"}, "end_user", {}),
    (Feature.PROMPT_CACHING, {"cache_control": CacheControl()}, "cache_control", {}),
]
PARTS: list[tuple[Feature, ContentPart]] = [
    (Feature.IMAGES, Media(mime_type="image/png", data=b"x")),
    (Feature.AUDIO, Media(mime_type="audio/wav", data=b"x")),
    (Feature.FILES, Media(mime_type="application/pdf", data=b"x")),
    (Feature.FILES, Media(file_id="x")),
    (Feature.TOOLS, ToolCall(id="c", name="f", arguments_json="{}")),
    (Feature.TOOLS, ToolResult(tool_call_id="c")),
]


def asked(changes: dict[str, object]) -> ChatRequest:
    return attrs.evolve(question(), **changes)  # type: ignore[arg-type]


def saying(*parts: ContentPart) -> ChatRequest:
    return asked({"messages": (Message(role=Role.USER, parts=parts),)})


@pytest.mark.parametrize(
    ("feature", "used", "field", "without"), PARAMETERS, ids=[row[2] for row in PARAMETERS]
)
def test_a_parameter_that_is_not_taken_is_named_and_can_be_dropped(
    feature: Feature, used: dict[str, object], field: str, without: dict[str, object]
) -> None:
    request = asked(used)
    (found,) = unsupported(request, lacking(feature))
    assert (found.field, found.feature) == (field, feature)
    assert found.drop is not None
    lean = found.drop(request)
    assert lean == asked(without)
    assert unsupported(lean, lacking(feature)) == []


@pytest.mark.parametrize(
    ("feature", "used", "field", "without"), PARAMETERS, ids=[row[2] for row in PARAMETERS]
)
def test_a_parameter_that_is_taken_is_not_named(
    feature: Feature, used: dict[str, object], field: str, without: dict[str, object]
) -> None:
    others = EVERYTHING - {feature}
    assert unsupported(asked(used), lacking()) == []
    assert unsupported(question(), lacking(feature)) == []
    assert not [
        each for each in unsupported(asked(used), lacking(*others)) if each.feature is feature
    ]


@pytest.mark.parametrize(("feature", "part"), PARTS)
def test_a_part_that_is_not_taken_is_named_and_cannot_be_dropped(
    feature: Feature, part: ContentPart
) -> None:
    (found,) = unsupported(saying(Text(text="see"), part), lacking(feature))
    assert (found.field, found.feature, found.drop) == ("messages[0].parts[1]", feature, None)
    assert unsupported(saying(part), lacking()) == []


def test_a_part_inside_a_tool_result_is_named_by_its_path() -> None:
    image = Media(mime_type="image/png", data=b"x")
    result = ToolResult(tool_call_id="c", content=(Text(text="x"), image))
    (found,) = unsupported(saying(result), lacking(Feature.IMAGES))
    assert found.field == "messages[0].parts[0].tool_result.content[1]"


@pytest.mark.parametrize("part", [Text(text="x"), Reasoning(text="x"), Refusal(text="x")])
def test_words_are_taken_by_every_model(part: ContentPart) -> None:
    assert unsupported(saying(part), lacking(*Feature)) == []


def test_prose_is_written_by_every_model() -> None:
    assert unsupported(asked({"response_format": TextFormat()}), lacking(*Feature)) == []


def test_parallel_calls_mean_nothing_without_tools() -> None:
    request = asked({"parallel_tool_calls": True})
    assert unsupported(request, lacking(Feature.PARALLEL_TOOL_CALLS)) == []


@pytest.mark.parametrize("feature", Feature)
def test_every_feature_shows_somewhere(feature: Feature) -> None:
    shown = {row[0] for row in PARAMETERS} | {part_feature(part) for _, part in PARTS}
    assert feature in shown


@pytest.mark.parametrize(
    ("lacks", "field"),
    [
        ((Feature.AUDIO,), "messages[0].parts[0].media.mime_type"),
        ((Feature.IMAGES, Feature.AUDIO, Feature.FILES), "messages[0].parts[0].media.uri"),
        ((), ""),
    ],
)
def test_an_address_that_shows_no_kind_needs_one_unless_the_model_takes_all(
    lacks: tuple[Feature, ...], field: str
) -> None:
    parts = (Media(uri="https://x.test/photo"),)
    request = attrs.evolve(question(), messages=(Message(role=Role.USER, parts=parts),))
    found = unsupported(request, lacking(*lacks))
    assert [each.field for each in found] == ([field] if field else [])
    assert all(each.drop is None for each in found)


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ({Feature.SEED}, None),
        ({Feature.IMAGES}, "messages[0].parts[0].media.mime_type"),
        ({Feature.IMAGES, Feature.AUDIO, Feature.FILES}, "messages[0].parts[0].media.uri"),
    ],
)
def test_a_medium_of_unknown_kind_is_refused_only_where_its_kind_matters(
    missing: set[Feature], field: str | None
) -> None:
    where = Media(uri="https://x.test/thing")
    request = attrs.evolve(question(), messages=(Message(role=Role.USER, parts=(where,)),))
    found = [each.field for each in unsupported(request, lacking(*missing))]
    assert found == ([] if field is None else [field])


def test_every_mark_is_found_where_it_is_and_all_are_dropped_together() -> None:
    mark = CacheControl()
    inner = ToolResult(tool_call_id="t", content=(Text(text="x", cache_control=mark),))
    parts = (Text(text="y"), Text(text="z", cache_control=mark), Refusal(text="no"), inner)
    said = Message(role=Role.USER, parts=parts, cache_control=mark)
    request = attrs.evolve(question(), messages=(said,))
    found = unsupported(request, lacking(Feature.PROMPT_CACHING))
    assert [each.field for each in found] == [
        "messages[0].parts[1].cache_control",
        "messages[0].parts[3].tool_result.content[0].cache_control",
        "messages[0].cache_control",
    ]
    assert found[0].drop is not None
    assert unsupported(found[0].drop(request), lacking(Feature.PROMPT_CACHING)) == []
