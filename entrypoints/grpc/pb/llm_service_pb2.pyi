import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StreamEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STREAM_EVENT_TYPE_UNSPECIFIED: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_START: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_CONTENT_DELTA: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_REASONING_DELTA: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_TOOL_CALL_DELTA: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_ROUTE_CHANGED: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_USAGE: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_WARNING: _ClassVar[StreamEventType]
    STREAM_EVENT_TYPE_FINISH: _ClassVar[StreamEventType]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_MAX_TOKENS: _ClassVar[FinishReason]
    FINISH_REASON_CONTEXT_LENGTH: _ClassVar[FinishReason]
    FINISH_REASON_TOOL_CALLS: _ClassVar[FinishReason]
    FINISH_REASON_CONTENT_FILTER: _ClassVar[FinishReason]
    FINISH_REASON_REFUSAL: _ClassVar[FinishReason]
    FINISH_REASON_PAUSE: _ClassVar[FinishReason]
    FINISH_REASON_OTHER: _ClassVar[FinishReason]

class UsageSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_SOURCE_UNSPECIFIED: _ClassVar[UsageSource]
    USAGE_SOURCE_PROVIDER_FINAL: _ClassVar[UsageSource]
    USAGE_SOURCE_PROVIDER_PARTIAL: _ClassVar[UsageSource]
    USAGE_SOURCE_ESTIMATED: _ClassVar[UsageSource]
    USAGE_SOURCE_LOCAL_CACHE: _ClassVar[UsageSource]

class AttemptOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTEMPT_OUTCOME_UNSPECIFIED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_SERVED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_FAILED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_HEDGE_LOST: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_CANCELLED: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_TIMED_OUT_FIRST_TOKEN: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_TIMED_OUT_IDLE: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_DEADLINE: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_SKIPPED_COOLDOWN: _ClassVar[AttemptOutcome]
    ATTEMPT_OUTCOME_DRAINED: _ClassVar[AttemptOutcome]

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    CALLER_INVALID_REQUEST: _ClassVar[ErrorReason]
    CALLER_MODEL_UNKNOWN: _ClassVar[ErrorReason]
    CALLER_CANCELLED: _ClassVar[ErrorReason]
    CALLER_DEADLINE: _ClassVar[ErrorReason]
    CALLER_IDEMPOTENCY_CONFLICT: _ClassVar[ErrorReason]
    POLICY_UNAUTHENTICATED: _ClassVar[ErrorReason]
    POLICY_ACCESS_DENIED: _ClassVar[ErrorReason]
    POLICY_RATE_LIMITED: _ClassVar[ErrorReason]
    POLICY_CONCURRENCY_LIMITED: _ClassVar[ErrorReason]
    POLICY_BUDGET_EXCEEDED: _ClassVar[ErrorReason]
    PROVIDER_NOT_CONFIGURED: _ClassVar[ErrorReason]
    PROVIDER_AUTH_FAILED: _ClassVar[ErrorReason]
    PROVIDER_BILLING: _ClassVar[ErrorReason]
    PROVIDER_RATE_LIMITED: _ClassVar[ErrorReason]
    PROVIDER_OVERLOADED: _ClassVar[ErrorReason]
    PROVIDER_SERVER_ERROR: _ClassVar[ErrorReason]
    PROVIDER_CONNECTION_FAILED: _ClassVar[ErrorReason]
    PROVIDER_TIMEOUT_FIRST_TOKEN: _ClassVar[ErrorReason]
    PROVIDER_TIMEOUT_IDLE: _ClassVar[ErrorReason]
    PROVIDER_STREAM_TRUNCATED: _ClassVar[ErrorReason]
    PROVIDER_PROTOCOL_ERROR: _ClassVar[ErrorReason]
    PROVIDER_CONTENT_BLOCKED: _ClassVar[ErrorReason]
    PROVIDER_REJECTED_REQUEST: _ClassVar[ErrorReason]
    SERVICE_OVERLOADED: _ClassVar[ErrorReason]
    SERVICE_DRAINING: _ClassVar[ErrorReason]
    SERVICE_INTERNAL: _ClassVar[ErrorReason]

class ToolMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOOL_MODE_UNSPECIFIED: _ClassVar[ToolMode]
    TOOL_MODE_AUTO: _ClassVar[ToolMode]
    TOOL_MODE_NONE: _ClassVar[ToolMode]
    TOOL_MODE_REQUIRED: _ClassVar[ToolMode]

class ReasoningEffort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONING_EFFORT_UNSPECIFIED: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_NONE: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MINIMAL: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_LOW: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MEDIUM: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_HIGH: _ClassVar[ReasoningEffort]

class ResponseCacheMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESPONSE_CACHE_MODE_UNSPECIFIED: _ClassVar[ResponseCacheMode]
    RESPONSE_CACHE_MODE_READ_WRITE: _ClassVar[ResponseCacheMode]
    RESPONSE_CACHE_MODE_READ_ONLY: _ClassVar[ResponseCacheMode]
    RESPONSE_CACHE_MODE_WRITE_ONLY: _ClassVar[ResponseCacheMode]

class CacheStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CACHE_STATUS_UNSPECIFIED: _ClassVar[CacheStatus]
    CACHE_STATUS_MISS: _ClassVar[CacheStatus]
    CACHE_STATUS_HIT: _ClassVar[CacheStatus]
    CACHE_STATUS_COALESCED: _ClassVar[CacheStatus]
    CACHE_STATUS_BYPASS: _ClassVar[CacheStatus]

class MidStreamPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MID_STREAM_POLICY_UNSPECIFIED: _ClassVar[MidStreamPolicy]
    MID_STREAM_POLICY_FAIL: _ClassVar[MidStreamPolicy]
    MID_STREAM_POLICY_RESTART_WITH_MARKER: _ClassVar[MidStreamPolicy]

class DisconnectPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISCONNECT_POLICY_UNSPECIFIED: _ClassVar[DisconnectPolicy]
    DISCONNECT_POLICY_CANCEL: _ClassVar[DisconnectPolicy]
    DISCONNECT_POLICY_DRAIN: _ClassVar[DisconnectPolicy]

class UnsupportedParamPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNSUPPORTED_PARAM_POLICY_UNSPECIFIED: _ClassVar[UnsupportedParamPolicy]
    UNSUPPORTED_PARAM_POLICY_REJECT: _ClassVar[UnsupportedParamPolicy]
    UNSUPPORTED_PARAM_POLICY_WARN_AND_DROP: _ClassVar[UnsupportedParamPolicy]
STREAM_EVENT_TYPE_UNSPECIFIED: StreamEventType
STREAM_EVENT_TYPE_START: StreamEventType
STREAM_EVENT_TYPE_CONTENT_DELTA: StreamEventType
STREAM_EVENT_TYPE_REASONING_DELTA: StreamEventType
STREAM_EVENT_TYPE_TOOL_CALL_DELTA: StreamEventType
STREAM_EVENT_TYPE_ROUTE_CHANGED: StreamEventType
STREAM_EVENT_TYPE_USAGE: StreamEventType
STREAM_EVENT_TYPE_WARNING: StreamEventType
STREAM_EVENT_TYPE_FINISH: StreamEventType
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_MAX_TOKENS: FinishReason
FINISH_REASON_CONTEXT_LENGTH: FinishReason
FINISH_REASON_TOOL_CALLS: FinishReason
FINISH_REASON_CONTENT_FILTER: FinishReason
FINISH_REASON_REFUSAL: FinishReason
FINISH_REASON_PAUSE: FinishReason
FINISH_REASON_OTHER: FinishReason
USAGE_SOURCE_UNSPECIFIED: UsageSource
USAGE_SOURCE_PROVIDER_FINAL: UsageSource
USAGE_SOURCE_PROVIDER_PARTIAL: UsageSource
USAGE_SOURCE_ESTIMATED: UsageSource
USAGE_SOURCE_LOCAL_CACHE: UsageSource
ATTEMPT_OUTCOME_UNSPECIFIED: AttemptOutcome
ATTEMPT_OUTCOME_SERVED: AttemptOutcome
ATTEMPT_OUTCOME_FAILED: AttemptOutcome
ATTEMPT_OUTCOME_HEDGE_LOST: AttemptOutcome
ATTEMPT_OUTCOME_CANCELLED: AttemptOutcome
ATTEMPT_OUTCOME_TIMED_OUT_FIRST_TOKEN: AttemptOutcome
ATTEMPT_OUTCOME_TIMED_OUT_IDLE: AttemptOutcome
ATTEMPT_OUTCOME_DEADLINE: AttemptOutcome
ATTEMPT_OUTCOME_SKIPPED_COOLDOWN: AttemptOutcome
ATTEMPT_OUTCOME_DRAINED: AttemptOutcome
ERROR_REASON_UNSPECIFIED: ErrorReason
CALLER_INVALID_REQUEST: ErrorReason
CALLER_MODEL_UNKNOWN: ErrorReason
CALLER_CANCELLED: ErrorReason
CALLER_DEADLINE: ErrorReason
CALLER_IDEMPOTENCY_CONFLICT: ErrorReason
POLICY_UNAUTHENTICATED: ErrorReason
POLICY_ACCESS_DENIED: ErrorReason
POLICY_RATE_LIMITED: ErrorReason
POLICY_CONCURRENCY_LIMITED: ErrorReason
POLICY_BUDGET_EXCEEDED: ErrorReason
PROVIDER_NOT_CONFIGURED: ErrorReason
PROVIDER_AUTH_FAILED: ErrorReason
PROVIDER_BILLING: ErrorReason
PROVIDER_RATE_LIMITED: ErrorReason
PROVIDER_OVERLOADED: ErrorReason
PROVIDER_SERVER_ERROR: ErrorReason
PROVIDER_CONNECTION_FAILED: ErrorReason
PROVIDER_TIMEOUT_FIRST_TOKEN: ErrorReason
PROVIDER_TIMEOUT_IDLE: ErrorReason
PROVIDER_STREAM_TRUNCATED: ErrorReason
PROVIDER_PROTOCOL_ERROR: ErrorReason
PROVIDER_CONTENT_BLOCKED: ErrorReason
PROVIDER_REJECTED_REQUEST: ErrorReason
SERVICE_OVERLOADED: ErrorReason
SERVICE_DRAINING: ErrorReason
SERVICE_INTERNAL: ErrorReason
TOOL_MODE_UNSPECIFIED: ToolMode
TOOL_MODE_AUTO: ToolMode
TOOL_MODE_NONE: ToolMode
TOOL_MODE_REQUIRED: ToolMode
REASONING_EFFORT_UNSPECIFIED: ReasoningEffort
REASONING_EFFORT_NONE: ReasoningEffort
REASONING_EFFORT_MINIMAL: ReasoningEffort
REASONING_EFFORT_LOW: ReasoningEffort
REASONING_EFFORT_MEDIUM: ReasoningEffort
REASONING_EFFORT_HIGH: ReasoningEffort
RESPONSE_CACHE_MODE_UNSPECIFIED: ResponseCacheMode
RESPONSE_CACHE_MODE_READ_WRITE: ResponseCacheMode
RESPONSE_CACHE_MODE_READ_ONLY: ResponseCacheMode
RESPONSE_CACHE_MODE_WRITE_ONLY: ResponseCacheMode
CACHE_STATUS_UNSPECIFIED: CacheStatus
CACHE_STATUS_MISS: CacheStatus
CACHE_STATUS_HIT: CacheStatus
CACHE_STATUS_COALESCED: CacheStatus
CACHE_STATUS_BYPASS: CacheStatus
MID_STREAM_POLICY_UNSPECIFIED: MidStreamPolicy
MID_STREAM_POLICY_FAIL: MidStreamPolicy
MID_STREAM_POLICY_RESTART_WITH_MARKER: MidStreamPolicy
DISCONNECT_POLICY_UNSPECIFIED: DisconnectPolicy
DISCONNECT_POLICY_CANCEL: DisconnectPolicy
DISCONNECT_POLICY_DRAIN: DisconnectPolicy
UNSUPPORTED_PARAM_POLICY_UNSPECIFIED: UnsupportedParamPolicy
UNSUPPORTED_PARAM_POLICY_REJECT: UnsupportedParamPolicy
UNSUPPORTED_PARAM_POLICY_WARN_AND_DROP: UnsupportedParamPolicy

class LLMRequest(_message.Message):
    __slots__ = ("provider", "model", "messages", "temperature", "top_p", "top_k", "max_tokens", "stop", "seed", "presence_penalty", "frequency_penalty", "cache_control", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning", "response_cache", "routing", "timeouts", "idempotency_key", "labels", "end_user", "unsupported_params", "provider_options")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ProviderOptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _struct_pb2.Struct
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    CACHE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_CACHE_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    END_USER_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_PARAMS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    stop: _containers.RepeatedScalarFieldContainer[str]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    cache_control: CacheControl
    tools: _containers.RepeatedCompositeFieldContainer[Tool]
    tool_choice: ToolChoice
    parallel_tool_calls: bool
    response_format: ResponseFormat
    reasoning: ReasoningConfig
    response_cache: ResponseCachePolicy
    routing: RoutingPolicy
    timeouts: TimeoutPolicy
    idempotency_key: str
    labels: _containers.ScalarMap[str, str]
    end_user: str
    unsupported_params: UnsupportedParamPolicy
    provider_options: _containers.MessageMap[str, _struct_pb2.Struct]
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., max_tokens: _Optional[int] = ..., stop: _Optional[_Iterable[str]] = ..., seed: _Optional[int] = ..., presence_penalty: _Optional[float] = ..., frequency_penalty: _Optional[float] = ..., cache_control: _Optional[_Union[CacheControl, _Mapping]] = ..., tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ..., tool_choice: _Optional[_Union[ToolChoice, _Mapping]] = ..., parallel_tool_calls: _Optional[bool] = ..., response_format: _Optional[_Union[ResponseFormat, _Mapping]] = ..., reasoning: _Optional[_Union[ReasoningConfig, _Mapping]] = ..., response_cache: _Optional[_Union[ResponseCachePolicy, _Mapping]] = ..., routing: _Optional[_Union[RoutingPolicy, _Mapping]] = ..., timeouts: _Optional[_Union[TimeoutPolicy, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., end_user: _Optional[str] = ..., unsupported_params: _Optional[_Union[UnsupportedParamPolicy, str]] = ..., provider_options: _Optional[_Mapping[str, _struct_pb2.Struct]] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "content", "parts", "name", "cache_control")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CACHE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    parts: _containers.RepeatedCompositeFieldContainer[ContentPart]
    name: str
    cache_control: CacheControl
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[ContentPart, _Mapping]]] = ..., name: _Optional[str] = ..., cache_control: _Optional[_Union[CacheControl, _Mapping]] = ...) -> None: ...

class ContentPart(_message.Message):
    __slots__ = ("text", "media", "tool_call", "tool_result", "reasoning", "refusal", "cache_control")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    CACHE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    text: str
    media: Media
    tool_call: ToolCall
    tool_result: ToolResult
    reasoning: ReasoningPart
    refusal: str
    cache_control: CacheControl
    def __init__(self, text: _Optional[str] = ..., media: _Optional[_Union[Media, _Mapping]] = ..., tool_call: _Optional[_Union[ToolCall, _Mapping]] = ..., tool_result: _Optional[_Union[ToolResult, _Mapping]] = ..., reasoning: _Optional[_Union[ReasoningPart, _Mapping]] = ..., refusal: _Optional[str] = ..., cache_control: _Optional[_Union[CacheControl, _Mapping]] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("mime_type", "data", "uri", "file_id")
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    mime_type: str
    data: bytes
    uri: str
    file_id: str
    def __init__(self, mime_type: _Optional[str] = ..., data: _Optional[bytes] = ..., uri: _Optional[str] = ..., file_id: _Optional[str] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("id", "name", "arguments_json", "signature")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    arguments_json: str
    signature: bytes
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., arguments_json: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ToolResult(_message.Message):
    __slots__ = ("tool_call_id", "content", "is_error", "name")
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    IS_ERROR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    tool_call_id: str
    content: _containers.RepeatedCompositeFieldContainer[ContentPart]
    is_error: bool
    name: str
    def __init__(self, tool_call_id: _Optional[str] = ..., content: _Optional[_Iterable[_Union[ContentPart, _Mapping]]] = ..., is_error: _Optional[bool] = ..., name: _Optional[str] = ...) -> None: ...

class ReasoningPart(_message.Message):
    __slots__ = ("text", "signature", "redacted", "provider")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    REDACTED_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    text: str
    signature: bytes
    redacted: bool
    provider: str
    def __init__(self, text: _Optional[str] = ..., signature: _Optional[bytes] = ..., redacted: _Optional[bool] = ..., provider: _Optional[str] = ...) -> None: ...

class CacheControl(_message.Message):
    __slots__ = ("use_cache", "ttl")
    USE_CACHE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    use_cache: bool
    ttl: _duration_pb2.Duration
    def __init__(self, use_cache: _Optional[bool] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Tool(_message.Message):
    __slots__ = ("name", "description", "parameters_json_schema", "strict", "cache_control")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    CACHE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    parameters_json_schema: str
    strict: bool
    cache_control: CacheControl
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters_json_schema: _Optional[str] = ..., strict: _Optional[bool] = ..., cache_control: _Optional[_Union[CacheControl, _Mapping]] = ...) -> None: ...

class ToolChoice(_message.Message):
    __slots__ = ("mode", "allowed_names")
    MODE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_NAMES_FIELD_NUMBER: _ClassVar[int]
    mode: ToolMode
    allowed_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mode: _Optional[_Union[ToolMode, str]] = ..., allowed_names: _Optional[_Iterable[str]] = ...) -> None: ...

class ResponseFormat(_message.Message):
    __slots__ = ("text", "json_object", "json_schema")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    JSON_OBJECT_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    text: TextFormat
    json_object: JsonObjectFormat
    json_schema: JsonSchemaFormat
    def __init__(self, text: _Optional[_Union[TextFormat, _Mapping]] = ..., json_object: _Optional[_Union[JsonObjectFormat, _Mapping]] = ..., json_schema: _Optional[_Union[JsonSchemaFormat, _Mapping]] = ...) -> None: ...

class TextFormat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class JsonObjectFormat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class JsonSchemaFormat(_message.Message):
    __slots__ = ("name", "schema", "strict")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    name: str
    schema: str
    strict: bool
    def __init__(self, name: _Optional[str] = ..., schema: _Optional[str] = ..., strict: _Optional[bool] = ...) -> None: ...

class ReasoningConfig(_message.Message):
    __slots__ = ("effort", "budget_tokens", "include_content")
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    BUDGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CONTENT_FIELD_NUMBER: _ClassVar[int]
    effort: ReasoningEffort
    budget_tokens: int
    include_content: bool
    def __init__(self, effort: _Optional[_Union[ReasoningEffort, str]] = ..., budget_tokens: _Optional[int] = ..., include_content: _Optional[bool] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("provider", "model")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class ResponseCachePolicy(_message.Message):
    __slots__ = ("mode", "ttl", "max_age", "scope", "coalesce")
    MODE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    COALESCE_FIELD_NUMBER: _ClassVar[int]
    mode: ResponseCacheMode
    ttl: _duration_pb2.Duration
    max_age: _duration_pb2.Duration
    scope: str
    coalesce: bool
    def __init__(self, mode: _Optional[_Union[ResponseCacheMode, str]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., scope: _Optional[str] = ..., coalesce: _Optional[bool] = ...) -> None: ...

class RoutingPolicy(_message.Message):
    __slots__ = ("fallbacks", "max_attempts", "hedge_after", "mid_stream", "on_disconnect", "retry_after_accept")
    FALLBACKS_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    HEDGE_AFTER_FIELD_NUMBER: _ClassVar[int]
    MID_STREAM_FIELD_NUMBER: _ClassVar[int]
    ON_DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_ACCEPT_FIELD_NUMBER: _ClassVar[int]
    fallbacks: _containers.RepeatedCompositeFieldContainer[Target]
    max_attempts: int
    hedge_after: _duration_pb2.Duration
    mid_stream: MidStreamPolicy
    on_disconnect: DisconnectPolicy
    retry_after_accept: bool
    def __init__(self, fallbacks: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., max_attempts: _Optional[int] = ..., hedge_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., mid_stream: _Optional[_Union[MidStreamPolicy, str]] = ..., on_disconnect: _Optional[_Union[DisconnectPolicy, str]] = ..., retry_after_accept: _Optional[bool] = ...) -> None: ...

class TimeoutPolicy(_message.Message):
    __slots__ = ("max_queue", "first_token", "idle")
    MAX_QUEUE_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    max_queue: _duration_pb2.Duration
    first_token: _duration_pb2.Duration
    idle: _duration_pb2.Duration
    def __init__(self, max_queue: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_token: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., idle: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class LLMResponse(_message.Message):
    __slots__ = ("id", "provider", "model", "content", "message", "finish_reason", "native_finish_reason", "usage", "attempts", "cache_status", "warnings", "created")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CACHE_STATUS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    id: str
    provider: str
    model: str
    content: str
    message: ChatMessage
    finish_reason: FinishReason
    native_finish_reason: str
    usage: Usage
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    cache_status: CacheStatus
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    created: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., provider: _Optional[str] = ..., model: _Optional[str] = ..., content: _Optional[str] = ..., message: _Optional[_Union[ChatMessage, _Mapping]] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., native_finish_reason: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., cache_status: _Optional[_Union[CacheStatus, str]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LLMStreamResponse(_message.Message):
    __slots__ = ("type", "content", "finish_reason", "usage", "sequence", "part_index", "start", "tool_call", "reasoning", "route_changed", "warning", "finish")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PART_INDEX_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    ROUTE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    type: StreamEventType
    content: str
    finish_reason: FinishReason
    usage: Usage
    sequence: int
    part_index: int
    start: StreamStart
    tool_call: ToolCallDelta
    reasoning: ReasoningPart
    route_changed: RouteChanged
    warning: Warning
    finish: StreamFinish
    def __init__(self, type: _Optional[_Union[StreamEventType, str]] = ..., content: _Optional[str] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., sequence: _Optional[int] = ..., part_index: _Optional[int] = ..., start: _Optional[_Union[StreamStart, _Mapping]] = ..., tool_call: _Optional[_Union[ToolCallDelta, _Mapping]] = ..., reasoning: _Optional[_Union[ReasoningPart, _Mapping]] = ..., route_changed: _Optional[_Union[RouteChanged, _Mapping]] = ..., warning: _Optional[_Union[Warning, _Mapping]] = ..., finish: _Optional[_Union[StreamFinish, _Mapping]] = ...) -> None: ...

class StreamStart(_message.Message):
    __slots__ = ("id", "provider", "model", "cache_status")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CACHE_STATUS_FIELD_NUMBER: _ClassVar[int]
    id: str
    provider: str
    model: str
    cache_status: CacheStatus
    def __init__(self, id: _Optional[str] = ..., provider: _Optional[str] = ..., model: _Optional[str] = ..., cache_status: _Optional[_Union[CacheStatus, str]] = ...) -> None: ...

class ToolCallDelta(_message.Message):
    __slots__ = ("id", "name", "arguments_json_fragment", "signature")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FRAGMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    arguments_json_fragment: str
    signature: bytes
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., arguments_json_fragment: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class RouteChanged(_message.Message):
    __slots__ = ("previous", "next", "discard_from_sequence", "reason")
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    DISCARD_FROM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    previous: Target
    next: Target
    discard_from_sequence: int
    reason: str
    def __init__(self, previous: _Optional[_Union[Target, _Mapping]] = ..., next: _Optional[_Union[Target, _Mapping]] = ..., discard_from_sequence: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class StreamFinish(_message.Message):
    __slots__ = ("native_finish_reason", "attempts", "warnings")
    NATIVE_FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    native_finish_reason: str
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    def __init__(self, native_finish_reason: _Optional[str] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "reasoning_tokens", "source", "cost_nano_usd", "price_version", "raw")
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_READ_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_5M_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_1H_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    COST_NANO_USD_FIELD_NUMBER: _ClassVar[int]
    PRICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    source: UsageSource
    cost_nano_usd: int
    price_version: str
    raw: _struct_pb2.Struct
    def __init__(self, input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cache_read_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., cache_write_5m_tokens: _Optional[int] = ..., cache_write_1h_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., source: _Optional[_Union[UsageSource, str]] = ..., cost_nano_usd: _Optional[int] = ..., price_version: _Optional[str] = ..., raw: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("index", "provider", "model", "credential_alias", "outcome", "upstream_status", "upstream_request_id", "usage", "queued", "first_token", "total", "error_reason")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ALIAS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_STATUS_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    FIRST_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASON_FIELD_NUMBER: _ClassVar[int]
    index: int
    provider: str
    model: str
    credential_alias: str
    outcome: AttemptOutcome
    upstream_status: int
    upstream_request_id: str
    usage: Usage
    queued: _duration_pb2.Duration
    first_token: _duration_pb2.Duration
    total: _duration_pb2.Duration
    error_reason: ErrorReason
    def __init__(self, index: _Optional[int] = ..., provider: _Optional[str] = ..., model: _Optional[str] = ..., credential_alias: _Optional[str] = ..., outcome: _Optional[_Union[AttemptOutcome, str]] = ..., upstream_status: _Optional[int] = ..., upstream_request_id: _Optional[str] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., queued: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_token: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., error_reason: _Optional[_Union[ErrorReason, str]] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class FailureUsage(_message.Message):
    __slots__ = ("usage", "attempts")
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    usage: Usage
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    def __init__(self, usage: _Optional[_Union[Usage, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("provider",)
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    provider: str
    def __init__(self, provider: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("provider", "model", "context_tokens", "max_output_tokens", "capabilities")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    context_tokens: int
    max_output_tokens: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., context_tokens: _Optional[int] = ..., max_output_tokens: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class EmbedRequest(_message.Message):
    __slots__ = ("provider", "model", "inputs", "dimensions")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    provider: str
    model: str
    inputs: _containers.RepeatedScalarFieldContainer[str]
    dimensions: int
    def __init__(self, provider: _Optional[str] = ..., model: _Optional[str] = ..., inputs: _Optional[_Iterable[str]] = ..., dimensions: _Optional[int] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("id", "embeddings", "usage")
    ID_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    embeddings: _containers.RepeatedCompositeFieldContainer[Embedding]
    usage: Usage
    def __init__(self, id: _Optional[str] = ..., embeddings: _Optional[_Iterable[_Union[Embedding, _Mapping]]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class QueryUsageRequest(_message.Message):
    __slots__ = ("start", "end", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class UsageRecord(_message.Message):
    __slots__ = ("request_id", "caller", "time", "attempt", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    caller: str
    time: _timestamp_pb2.Timestamp
    attempt: Attempt
    labels: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., caller: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[_Union[Attempt, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...
