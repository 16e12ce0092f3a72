"""What a model does not take of a request: a table of features, where each shows and how it is dropped."""

from collections.abc import Callable, Iterable, Sequence

import attrs

from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonObjectFormat,
    JsonSchemaFormat,
    Media,
    ToolCall,
    ToolResult,
)
from domain.model.model_info import Feature, ModelInfo
from domain.policy.breakpoints import breakpoints, without_breakpoints


@attrs.frozen
class Unsupported:
    """A part of a request that its model does not take.

    Attributes:
        field: Path in the wire's words.
        feature: What the model lacks.
        drop: Gives the request without it; ``None``: the question would not
            be the same, so it cannot be dropped.
        problem: What is wrong, where it is not that the model lacks the feature.
    """

    field: str
    feature: Feature
    drop: Callable[[ChatRequest], ChatRequest] | None
    problem: str = ""


@attrs.frozen
class _Parameter:
    """A top-level parameter: where it shows and what leaving it out means."""

    field: str
    feature: Feature
    used: Callable[[ChatRequest], bool]
    drop: Callable[[ChatRequest], ChatRequest]


def _without(**defaults: object) -> Callable[[ChatRequest], ChatRequest]:
    # attrs.evolve cannot be typed over a table of field names.
    return lambda request: attrs.evolve(request, **defaults)  # type: ignore[arg-type]


def _plain_reasoning(**defaults: object) -> Callable[[ChatRequest], ChatRequest]:
    def drop(request: ChatRequest) -> ChatRequest:
        reasoning = request.reasoning and attrs.evolve(request.reasoning, **defaults)  # type: ignore[arg-type]
        return attrs.evolve(request, reasoning=reasoning)

    return drop


_PARAMETERS: Sequence[_Parameter] = (
    _Parameter(
        "tools",
        Feature.TOOLS,
        lambda r: bool(r.tools),
        _without(tools=(), tool_choice=None, parallel_tool_calls=None),
    ),
    _Parameter(
        "parallel_tool_calls",
        Feature.PARALLEL_TOOL_CALLS,
        lambda r: r.parallel_tool_calls is not None and bool(r.tools),
        _without(parallel_tool_calls=None),
    ),
    _Parameter(
        "response_format.json_object",
        Feature.JSON_OBJECT,
        lambda r: isinstance(r.response_format, JsonObjectFormat),
        _without(response_format=None),
    ),
    _Parameter(
        "response_format.json_schema",
        Feature.JSON_SCHEMA,
        lambda r: isinstance(r.response_format, JsonSchemaFormat),
        _without(response_format=None),
    ),
    _Parameter(
        "reasoning.effort",
        Feature.REASONING_EFFORT,
        lambda r: r.reasoning is not None and r.reasoning.effort is not None,
        _plain_reasoning(effort=None),
    ),
    _Parameter(
        "reasoning.budget_tokens",
        Feature.REASONING_BUDGET,
        lambda r: r.reasoning is not None and r.reasoning.budget_tokens is not None,
        _plain_reasoning(budget_tokens=None),
    ),
    _Parameter(
        "reasoning.include_content",
        Feature.REASONING_CONTENT,
        lambda r: r.reasoning is not None and bool(r.reasoning.include_content),
        _plain_reasoning(include_content=None),
    ),
    _Parameter(
        "temperature",
        Feature.TEMPERATURE,
        lambda r: r.temperature is not None,
        _without(temperature=None),
    ),
    _Parameter("top_p", Feature.TOP_P, lambda r: r.top_p is not None, _without(top_p=None)),
    _Parameter("top_k", Feature.TOP_K, lambda r: r.top_k is not None, _without(top_k=None)),
    _Parameter("seed", Feature.SEED, lambda r: r.seed is not None, _without(seed=None)),
    _Parameter("stop", Feature.STOP, lambda r: bool(r.stop), _without(stop=())),
    _Parameter(
        "presence_penalty",
        Feature.PENALTIES,
        lambda r: r.presence_penalty is not None,
        _without(presence_penalty=None),
    ),
    _Parameter(
        "frequency_penalty",
        Feature.PENALTIES,
        lambda r: r.frequency_penalty is not None,
        _without(frequency_penalty=None),
    ),
    _Parameter("end_user", Feature.END_USER, lambda r: bool(r.end_user), _without(end_user="")),
    _Parameter(
        "cache_control",
        Feature.PROMPT_CACHING,
        lambda r: r.cache_control is not None,
        _without(cache_control=None),
    ),
)
_ALL = frozenset(Feature)
_MEDIA = frozenset({Feature.IMAGES, Feature.AUDIO, Feature.FILES})


def unsupported(request: ChatRequest, info: ModelInfo) -> list[Unsupported]:
    """Return every part of `request` that the model of `info` does not take."""
    missing = _ALL - info.features
    if not missing:
        return []
    found = [
        Unsupported(each.field, each.feature, each.drop)
        for each in _PARAMETERS
        if each.feature in missing and each.used(request)
    ]
    if Feature.PROMPT_CACHING in missing:
        found += [
            Unsupported(path, Feature.PROMPT_CACHING, without_breakpoints)
            for path, _ in breakpoints(request)
        ]
    for index, message in enumerate(request.messages):
        found += _parts(message.parts, f"messages[{index}].parts", missing)
    return found


def _parts(
    parts: Iterable[ContentPart], path: str, missing: frozenset[Feature]
) -> list[Unsupported]:
    found: list[Unsupported] = []
    for index, part in enumerate(parts):
        if isinstance(part, Media) and part.uri is not None and not part.mime_type:
            found += _untold(f"{path}[{index}].media", missing)
            continue
        feature = part_feature(part)
        if feature is not None and feature in missing:
            found.append(Unsupported(f"{path}[{index}]", feature, None))
        if isinstance(part, ToolResult):
            found += _parts(part.content, f"{path}[{index}].tool_result.content", missing)
    return found


def _untold(path: str, missing: frozenset[Feature]) -> list[Unsupported]:
    """Return what is wrong with a medium that says nothing of its kind, nor shows it by its address."""
    lacking = missing & _MEDIA
    if not lacking:
        return []
    if lacking == _MEDIA:
        return [Unsupported(f"{path}.uri", Feature.FILES, None)]
    what = "is needed: the address does not show whether it is a picture, a sound or a document"
    return [Unsupported(f"{path}.mime_type", Feature.FILES, None, what)]


def part_feature(part: ContentPart) -> Feature | None:
    """Return what a model must take to read `part`; None: nothing special."""
    if isinstance(part, Media):
        kind = part.mime_type.partition("/")[0]
        return {"image": Feature.IMAGES, "audio": Feature.AUDIO}.get(kind, Feature.FILES)
    return Feature.TOOLS if isinstance(part, ToolCall | ToolResult) else None
