"""What differs from one speaker of Chat Completions to the next: data, with named functions in it.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import TypeAlias

import attrs

from domain.model.caching import CacheControl
from domain.model.chat import Reasoning, ReasoningConfig, Role
from domain.model.errors import ErrorReason
from domain.model.events import FinishReason
from domain.model.json_value import Json, JsonObject
from domain.model.model_info import Feature

ROLES: Mapping[Role, str] = {role: role.value for role in Role}
ROLES_WITHOUT_DEVELOPER: Mapping[Role, str] = {**ROLES, Role.DEVELOPER: "system"}

RESERVED = frozenset({"messages", "model", "n", "stream", "stream_options"})
"""What a caller's options may not change: whom it asks, and how the answer is to be read."""


class CachePlace(Enum):
    """What a cache breakpoint may stand on."""

    PART = auto()
    REFUSAL = auto()
    CALL = auto()
    TOOL = auto()
    BODY = auto()


def reasoning_effort(config: ReasoningConfig) -> JsonObject:
    """Return the fields that ask for `config`, in OpenAI's words."""
    return {} if config.effort is None else {"reasoning_effort": config.effort.value}


Speak: TypeAlias = Callable[[Sequence[Reasoning]], Mapping[str, object]]
"""Gives the fields that hold a provider's own earlier thoughts."""


@attrs.frozen(kw_only=True)
class Dialect:
    """One speaker of Chat Completions.

    Attributes:
        name: The provider's configured name; the key of its `provider_options`.
        features: What requests may ask for.
        path: Below the base address.
        roles: What each role is called; one that is missing is refused.
        max_tokens_field: What the bound on the answer is called.
        end_user_field: What the end user's id is called.
        stream_options: Sent with a streamed request; ``None``: the server does not know the field.
        reasoning: Gives the fields that ask for thinking.
        cache_mark: Gives the fields that mark a cache breakpoint on a part, a tool or the body; raises
            `ValueError` for one that cannot be honoured. ``None``: there are no breakpoints.
        cache_places: What the server takes a breakpoint on.
        thoughts: Gives the fields of an assistant's message that hold its earlier thoughts, signed and
            unsigned; raises `ValueError` for thoughts that are not the provider's. ``None``: thoughts do not
            go back, and what they would need for it is not kept.
        sealed: Makes of thoughts in words, which the caller does not want to see, the signature in which they
            go back with the tools' results. ``None``: words need not go back.
        call_id: Gives a tool call's id as the server can read it; the same for the call and its result.
        parameter_names: Where parameters are called otherwise than at OpenAI.
        refusal_part: Type of the part that holds the model's own earlier refusal, and its field's name.
        allowed_tools: Whether the server can be told to use only some of the tools. Where not, the others
            are left out of the request, which means the same but is cached separately.
        reserved: Names that options may not set.
        request_id_header: Carries the server's name for the request.
        request_id_field: Top-level field that says it where the header does not; empty: none.
        finish_reasons: Further words, beside OpenAI's.
        failure_words: Further error codes and types, beside OpenAI's; they win over the status.
        failure_statuses: Statuses that mean something else than elsewhere.
    """

    name: str
    features: frozenset[Feature]
    path: str = "/chat/completions"
    roles: Mapping[Role, str] = attrs.field(factory=lambda: ROLES)
    max_tokens_field: str = "max_completion_tokens"
    end_user_field: str = "user"
    stream_options: Mapping[str, Json] | None = attrs.field(factory=lambda: {"include_usage": True})
    reasoning: Callable[[ReasoningConfig], JsonObject] = reasoning_effort
    cache_mark: Callable[[CacheControl], JsonObject] | None = None
    cache_places: frozenset[CachePlace] = frozenset(CachePlace)
    thoughts: Speak | None = None
    sealed: Callable[[str], bytes] | None = None
    call_id: Callable[[str], str] = str
    parameter_names: Mapping[str, str] = attrs.field(factory=dict)
    refusal_part: str = "refusal"
    allowed_tools: bool = True
    reserved: frozenset[str] = RESERVED
    request_id_header: str = "x-request-id"
    request_id_field: str = ""
    finish_reasons: Mapping[str, FinishReason] = attrs.field(factory=dict)
    failure_words: Mapping[str, ErrorReason] = attrs.field(factory=dict)
    failure_statuses: Mapping[int, ErrorReason] = attrs.field(factory=dict)
