"""What a model is and what it can take."""

from enum import StrEnum

import attrs


class Feature(StrEnum):
    """A part of a request that not every model takes. The word is the wire's capability."""

    TOOLS = "tools"
    PARALLEL_TOOL_CALLS = "parallel_tool_calls"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    REASONING_EFFORT = "reasoning_effort"
    REASONING_BUDGET = "reasoning_budget"
    REASONING_CONTENT = "reasoning_content"
    IMAGES = "images"
    AUDIO = "audio"
    FILES = "files"
    PROMPT_CACHING = "prompt_caching"
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    TOP_K = "top_k"
    SEED = "seed"
    STOP = "stop"
    PENALTIES = "penalties"
    END_USER = "end_user"


@attrs.frozen(kw_only=True)
class ModelInfo:
    """One model that can be called.

    Attributes:
        context_tokens: Prompt and answer together; ``None`` if not known.
        max_output_tokens: Longest answer; ``None`` if not known.
        embeds: Whether it makes embeddings, be it beside answers or instead of them.
        health: Words on how its routes do, ``route:PROVIDER/MODEL=STATE``; of a model of one provider only
            where it is left alone now.
    """

    provider: str
    model: str
    features: frozenset[Feature]
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    embeds: bool = False
    health: tuple[str, ...] = ()
