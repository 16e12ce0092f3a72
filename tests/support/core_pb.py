"""Wire messages of every kind, sensible or not, for hypothesis."""

from typing import Any, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from entrypoints.grpc.pb import llm_service_pb2 as pb

MAX_DEPTH = 5
"""Messages within messages deeper than this stay empty."""

_SCALARS: dict[int, SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=8),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    # Enums are open: a newer client may send a number that we do not know.
    FieldDescriptor.TYPE_ENUM: st.integers(-1, 9),
}
# What random text would hardly ever be.
_LIKELY: dict[str, SearchStrategy[Any]] = {
    "llmservice.v1.ChatMessage.role": st.sampled_from(
        ["system", "developer", "user", "assistant", "tool", "robot", ""]
    ),
    "llmservice.v1.Media.mime_type": st.sampled_from(["image/png", "audio/wav", "", "x"]),
    "llmservice.v1.ToolCall.arguments_json": st.sampled_from(['{"a": 1}', "", "[]", "{"]),
    "llmservice.v1.Tool.parameters_json_schema": st.sampled_from(["{}", "", "x"]),
}


@st.composite
def _message(draw: st.DrawFn, kind: type[Message], depth: int) -> Message:
    message = kind()
    if depth > MAX_DEPTH:
        return message
    # Typed twice: once in Python, once in C.
    for field in cast(list[FieldDescriptor], kind.DESCRIPTOR.fields):
        # Most fields of most messages are not set; the middle is what shrinking goes to.
        if draw(st.integers(0, 2)) != 2:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(draw, message, field, depth)
        elif field.is_repeated:
            values = draw(st.lists(_value(field, message, depth), max_size=2))
            getattr(message, field.name).extend(values)
        elif field.message_type is not None:
            getattr(message, field.name).CopyFrom(draw(_value(field, message, depth)))
        else:
            setattr(message, field.name, draw(_value(field, message, depth)))
    return message


def _fill_map(draw: st.DrawFn, message: Message, field: FieldDescriptor, depth: int) -> None:
    assert field.message_type is not None
    value = field.message_type.fields_by_name["value"]
    for key in draw(st.lists(_SCALARS[FieldDescriptor.TYPE_STRING], max_size=2)):
        entries = getattr(message, field.name)
        if value.message_type is None:
            entries[key] = draw(_value(value, message, depth))
        else:
            entries[key].CopyFrom(draw(_value(value, message, depth)))


def _value(field: FieldDescriptor, parent: Message, depth: int) -> SearchStrategy[Any]:
    if field.message_type is None:
        return _LIKELY.get(field.full_name, _SCALARS[field.type])
    known = _WELL_KNOWN.get(field.message_type.full_name)
    if known is not None:
        return known
    kind = getattr(pb, field.message_type.name)
    return _message(kind, depth + 1)


@st.composite
def _durations(draw: st.DrawFn) -> Duration:
    limit = 315_576_000_000
    sign = draw(st.sampled_from([1, -1]))
    seconds = draw(st.one_of(st.integers(0, 100), st.integers(0, limit)))
    return Duration(seconds=sign * seconds, nanos=sign * draw(st.integers(0, 10**9 - 1)))


def _values(depth: int) -> SearchStrategy[Value]:
    leaves: SearchStrategy[Value] = st.one_of(
        st.builds(Value),
        st.builds(Value, null_value=st.just(0)),
        st.builds(Value, number_value=st.one_of(st.floats(), st.integers(-9, 9).map(float))),
        st.builds(Value, string_value=st.text(max_size=4)),
        st.builds(Value, bool_value=st.booleans()),
    )
    if depth == 0:
        return leaves
    inner = _values(depth - 1)
    return st.one_of(
        leaves,
        st.builds(Value, list_value=st.builds(ListValue, values=st.lists(inner, max_size=2))),
        st.builds(Value, struct_value=_structs_of(inner)),
    )


def _structs_of(values: SearchStrategy[Value]) -> SearchStrategy[Struct]:
    return st.builds(Struct, fields=st.dictionaries(st.text(max_size=4), values, max_size=2))


structs: SearchStrategy[Struct] = _structs_of(_values(2))
durations: SearchStrategy[Duration] = _durations()
_WELL_KNOWN: dict[str, SearchStrategy[Any]] = {
    "google.protobuf.Struct": structs,
    "google.protobuf.Duration": durations,
}


def messages_of(kind: type[Message]) -> SearchStrategy[Any]:
    """Return any message of `kind`, sensible or not."""
    return _message(kind, 0)


requests: SearchStrategy[pb.LLMRequest] = messages_of(pb.LLMRequest)
chat_messages: SearchStrategy[pb.ChatMessage] = messages_of(pb.ChatMessage)
