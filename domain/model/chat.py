"""The question: messages made of parts, and everything that tunes the answer.

Values here are plain and are not validated at birth, because a caller is told about every bad field at
once: `domain.policy.validation` names them all.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import attrs

from domain.model.caching import CacheControl
from domain.model.json_value import JsonObject
from domain.model.response_cache import ResponseCachePolicy
from domain.model.routing import DEFAULT_ROUTING, Routing
from domain.model.tools import Tool, ToolChoice


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@attrs.frozen(kw_only=True)
class Text:
    """Plain text."""

    text: str
    cache_control: CacheControl | None = None


@attrs.frozen(kw_only=True)
class Media:
    """An image, a sound or a document; exactly one source is set.

    Attributes:
        mime_type: For example ``image/png``; may be empty with `uri` or `file_id`.
        data: The bytes themselves.
        uri: Where the provider fetches it.
        file_id: Name of a file that was uploaded to the provider before.
    """

    mime_type: str = ""
    data: bytes | None = None
    uri: str | None = None
    file_id: str | None = None
    cache_control: CacheControl | None = None


@attrs.frozen(kw_only=True)
class ToolCall:
    """The model asks for a tool to be run.

    Attributes:
        arguments_json: Arguments as JSON text of an object.
        signature: Opaque bytes the provider wants back (Gemini's thought
            signature); empty where there is none.
    """

    id: str
    name: str
    arguments_json: str
    signature: bytes = b""
    cache_control: CacheControl | None = None


@attrs.frozen(kw_only=True)
class Reasoning:
    """What the model thought.

    Attributes:
        signature: Opaque proof the provider wants back; valid only at `provider`.
        redacted: The text is hidden; `signature` holds what goes back.
    """

    text: str = ""
    signature: bytes = b""
    redacted: bool = False
    provider: str = ""


@attrs.frozen(kw_only=True)
class Refusal:
    """The model declined, in its own words."""

    text: str


@attrs.frozen(kw_only=True)
class ToolResult:
    """What running a tool gave.

    Attributes:
        tool_call_id: The `ToolCall.id` that this answers.
        content: Text and media.
        name: The tool's name; some providers match by it.
    """

    tool_call_id: str
    content: "tuple[ContentPart, ...]" = ()
    is_error: bool = False
    name: str = ""
    cache_control: CacheControl | None = None


ContentPart: TypeAlias = Text | Media | ToolCall | ToolResult | Reasoning | Refusal


@attrs.frozen(kw_only=True)
class Message:
    """One turn.

    Attributes:
        name: Which participant of the role speaks; empty where there is one.
        cache_control: Breakpoint after this message.
    """

    role: Role
    parts: tuple[ContentPart, ...]
    name: str = ""
    cache_control: CacheControl | None = None


@attrs.frozen
class TextFormat:
    """Answer in prose."""


@attrs.frozen
class JsonObjectFormat:
    """Answer with some JSON object."""


@attrs.frozen(kw_only=True)
class JsonSchemaFormat:
    """Answer with JSON that fits a schema (JSON Schema, as JSON text)."""

    name: str
    schema: str
    strict: bool | None = None


ResponseFormat: TypeAlias = TextFormat | JsonObjectFormat | JsonSchemaFormat


class ReasoningEffort(StrEnum):
    """How hard the model thinks before it answers."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@attrs.frozen(kw_only=True)
class ReasoningConfig:
    """How the model thinks; `effort` and `budget_tokens` are alternatives.

    Attributes:
        budget_tokens: Most tokens spent on thinking.
        include_content: Whether the thoughts are shown; ``None`` leaves it to
            the provider.
    """

    effort: ReasoningEffort | None = None
    budget_tokens: int | None = None
    include_content: bool | None = None


@attrs.frozen(kw_only=True)
class Timeouts:
    """Patience with our limits and the provider, in seconds; ``None`` is the configured default.

    The total is the caller's deadline and is not here.

    Attributes:
        max_queue_s: Longest wait for a limit of ours; 0 refuses at once.
        first_token_s: From the start of an attempt to its first content.
        idle_s: Between two pieces of content after the first.
    """

    max_queue_s: float | None = None
    first_token_s: float | None = None
    idle_s: float | None = None


class OnDisconnect(StrEnum):
    """What becomes of an answer whose caller leaves before its end."""

    CANCEL = "cancel"
    DRAIN = "drain"


class UnsupportedParams(StrEnum):
    """What happens to a parameter that the model does not take."""

    REJECT = "reject"
    WARN_AND_DROP = "warn_and_drop"


@attrs.frozen(kw_only=True)
class ChatRequest:
    """A question for one model. ``None`` and empty leave a choice to the provider.

    Attributes:
        provider: Configured provider's name; empty: resolved from `model`.
        model: Model's name, as the provider or the catalogue calls it.
        messages: Oldest first; at least one.
        temperature: In [0, 2].
        top_p: In [0, 1].
        max_tokens: Upper bound on the answer, in tokens.
        stop: Sequences that end the answer and are not part of it.
        presence_penalty: In [-2, 2].
        frequency_penalty: In [-2, 2].
        routing: Where else it may be answered, and how often that is tried.
        on_disconnect: What becomes of the answer if the caller leaves; ``None`` is the provider's default.
        response_cache: What is asked of our own cache; ``None``: nothing.
        idempotency_key: Of the caller's own; the same call under the same key is made once.
        labels: Attribution, kept with the usage record: at most 16; keys at
            most 64 bytes, values at most 256 bytes.
        end_user: Opaque id of the caller's own user, for abuse detection.
        provider_options: By provider name; merged last into its request body.
    """

    provider: str = ""
    model: str
    messages: tuple[Message, ...]
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    cache_control: CacheControl | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning: ReasoningConfig | None = None
    timeouts: Timeouts = Timeouts()
    routing: Routing = DEFAULT_ROUTING
    on_disconnect: OnDisconnect | None = None
    response_cache: ResponseCachePolicy | None = None
    idempotency_key: str = ""
    labels: Mapping[str, str] = attrs.field(factory=dict)
    end_user: str = ""
    unsupported_params: UnsupportedParams = UnsupportedParams.REJECT
    provider_options: Mapping[str, JsonObject] = attrs.field(factory=dict)
