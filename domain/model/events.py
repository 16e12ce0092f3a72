"""The answer, as it arrives.

A stream is `Started`, then deltas, then exactly one `Finished`; or it ends in a `ChatError`. Only a call that
wants it so is given `RouteChanged`, after which all begins anew. A stream that
just stops is a bug of its maker: a truncated answer never looks complete.
"""

from enum import StrEnum
from typing import TypeAlias

import attrs

from domain.model.errors import ErrorReason
from domain.model.response_cache import CacheStatus
from domain.model.target import Target
from domain.model.usage import NO_USAGE, Attempt, Usage


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    MAX_TOKENS = "max_tokens"
    CONTEXT_LENGTH = "context_length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSE = "pause"
    OTHER = "other"


@attrs.frozen
class CallWarning:
    """Something the caller should know although the call goes on.

    Attributes:
        code: One of a few words, e.g. ``PARAM_DROPPED``.
        message: For people.
    """

    code: str
    message: str


@attrs.frozen(kw_only=True)
class Started:
    """The provider has begun to answer.

    Attributes:
        id: The provider's name for the answer; empty where it gives none.
        provider: What serves.
        model: The model's name as the provider reports it.
        upstream_request_id: The provider's name for the request, for its support.
        cache_status: Where the answer comes from, if the call asked for more than a provider.
    """

    id: str
    provider: str
    model: str
    upstream_status: int = 0
    upstream_request_id: str = ""
    cache_status: CacheStatus | None = None


@attrs.frozen
class TextDelta:
    """More text of one part of the answer."""

    text: str
    part_index: int = 0


@attrs.frozen
class RefusalDelta:
    """More of the words with which the model declines."""

    text: str
    part_index: int = 0


@attrs.frozen(kw_only=True)
class ReasoningDelta:
    """More of the model's thoughts; see `domain.model.chat.Reasoning`."""

    text: str = ""
    signature: bytes = b""
    redacted: bool = False
    provider: str = ""
    part_index: int = 0


@attrs.frozen(kw_only=True)
class ToolCallDelta:
    """More of one tool call.

    Attributes:
        id: Same on every fragment of a call.
        name: On the first fragment only.
        arguments_fragment: Piece of the JSON text, cut anywhere.
    """

    id: str
    name: str = ""
    arguments_fragment: str = ""
    signature: bytes = b""
    part_index: int = 0


@attrs.frozen
class UsageReported:
    """Usage so far, cumulative."""

    usage: Usage


@attrs.frozen
class WarningRaised:
    """A warning, as it becomes known."""

    warning: CallWarning


@attrs.frozen(kw_only=True)
class RouteChanged:
    """The answer broke off and begins anew: all that was said before, its beginning included, is void.

    Attributes:
        reason: Why it broke off.
    """

    previous: Target
    next: Target
    reason: ErrorReason


@attrs.frozen(kw_only=True)
class Finished:
    """The answer is complete; nothing follows.

    Attributes:
        native_reason: The provider's own word for `reason`.
        usage: Final.
        attempts: Every try that was made for this call, oldest first; filled in
            by the service, empty as it comes from a provider.
    """

    reason: FinishReason
    native_reason: str = ""
    usage: Usage = NO_USAGE
    attempts: tuple[Attempt, ...] = ()


ContentEvent: TypeAlias = TextDelta | RefusalDelta | ReasoningDelta | ToolCallDelta
ChatEvent: TypeAlias = (
    Started | ContentEvent | UsageReported | WarningRaised | RouteChanged | Finished
)

CONTENT_EVENTS = frozenset({TextDelta, RefusalDelta, ReasoningDelta, ToolCallDelta})
"""Types of the events that carry part of the answer."""
