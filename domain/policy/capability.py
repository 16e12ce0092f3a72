"""What a model does not take of a request: a table of features, where each shows and how it is dropped."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter

import attrs

from domain.model.chat import (
    ChatRequest,
    ContentPart,
    JsonObjectFormat,
    JsonSchemaFormat,
    Media,
    Text,
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
    """A top-level parameter: where it shows and what leaving it out means.

    Attributes:
        used: Whether a request uses it that has something set in its place; ``None``: it does.
        place: What is set there.
    """

    field: str
    feature: Feature
    drop: Callable[[ChatRequest], ChatRequest]
    used: Callable[[ChatRequest], bool] | None = None
    place: Callable[[ChatRequest], object] = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: attrgetter(self.field.partition(".")[0]), takes_self=True
        ),
    )


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
        _without(tools=(), tool_choice=None, parallel_tool_calls=None),
    ),
    _Parameter(
        "parallel_tool_calls",
        Feature.PARALLEL_TOOL_CALLS,
        _without(parallel_tool_calls=None),
        lambda r: bool(r.tools),
    ),
    _Parameter(
        "response_format.json_object",
        Feature.JSON_OBJECT,
        _without(response_format=None),
        lambda r: isinstance(r.response_format, JsonObjectFormat),
    ),
    _Parameter(
        "response_format.json_schema",
        Feature.JSON_SCHEMA,
        _without(response_format=None),
        lambda r: isinstance(r.response_format, JsonSchemaFormat),
    ),
    _Parameter(
        "reasoning.effort",
        Feature.REASONING_EFFORT,
        _plain_reasoning(effort=None),
        lambda r: r.reasoning is not None and r.reasoning.effort is not None,
    ),
    _Parameter(
        "reasoning.budget_tokens",
        Feature.REASONING_BUDGET,
        _plain_reasoning(budget_tokens=None),
        lambda r: r.reasoning is not None and r.reasoning.budget_tokens is not None,
    ),
    _Parameter(
        "reasoning.include_content",
        Feature.REASONING_CONTENT,
        _plain_reasoning(include_content=None),
        lambda r: r.reasoning is not None and bool(r.reasoning.include_content),
    ),
    _Parameter("temperature", Feature.TEMPERATURE, _without(temperature=None)),
    _Parameter("top_p", Feature.TOP_P, _without(top_p=None)),
    _Parameter("top_k", Feature.TOP_K, _without(top_k=None)),
    _Parameter("seed", Feature.SEED, _without(seed=None)),
    _Parameter("stop", Feature.STOP, _without(stop=())),
    _Parameter("presence_penalty", Feature.PENALTIES, _without(presence_penalty=None)),
    _Parameter("frequency_penalty", Feature.PENALTIES, _without(frequency_penalty=None)),
    _Parameter("end_user", Feature.END_USER, _without(end_user="")),
    _Parameter("cache_control", Feature.PROMPT_CACHING, _without(cache_control=None)),
)
_UNSET = (None, (), "")
"""What stands in a place where nothing is set."""
_ALL = frozenset(Feature)
_MEDIA = frozenset({Feature.IMAGES, Feature.AUDIO, Feature.FILES})


@lru_cache(256)
def _lacking(
    features: frozenset[Feature],
) -> tuple[frozenset[Feature], Sequence[_Parameter]]:
    """Return what a model with `features` does not take, and the parameters that are part of that."""
    missing = _ALL - features
    return missing, tuple(each for each in _PARAMETERS if each.feature in missing)


def unsupported(request: ChatRequest, info: ModelInfo) -> list[Unsupported]:
    """Return every part of `request` that the model of `info` does not take."""
    missing, parameters = _lacking(info.features)
    if not missing:
        return []
    found: list[Unsupported] = []
    for each in parameters:
        if each.place(request) in _UNSET:
            continue
        if each.used is None or each.used(request):
            found.append(Unsupported(each.field, each.feature, each.drop))
    if Feature.PROMPT_CACHING in missing:
        for path, _ in breakpoints(request):
            found.append(Unsupported(path, Feature.PROMPT_CACHING, without_breakpoints))
    for index, message in enumerate(request.messages):
        for place, part in enumerate(message.parts):
            # Words are what every model takes.
            if type(part) is not Text:
                found += _part(part, f"messages[{index}].parts[{place}]", missing)
    return found


def _part(part: ContentPart, path: str, missing: frozenset[Feature]) -> list[Unsupported]:
    if isinstance(part, Media) and part.uri is not None and not part.mime_type:
        return _untold(f"{path}.media", missing)
    found: list[Unsupported] = []
    feature = part_feature(part)
    if feature is not None and feature in missing:
        found.append(Unsupported(path, feature, None))
    if isinstance(part, ToolResult):
        for index, inner in enumerate(part.content):
            found += _part(inner, f"{path}.tool_result.content[{index}]", missing)
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
