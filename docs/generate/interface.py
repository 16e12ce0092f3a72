"""The reference of the gRPC interface, from the comments of the .proto file."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    EnumValueDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from grpc_tools import protoc

from docs.generate.errors import WHAT
from docs.generate.markdown import cell, code, prose, table
from domain.model.errors import ErrorReason

_HEAD = """# API reference

Made from `proto/llmservice/v1/llm_service.proto`, whose comments are the law of each field.
[Calling it](../call.md) shows how it is called.

Beside these the server speaks `grpc.health.v1.Health` and `grpc.reflection.v1` (and `v1alpha`). A
call shows its token in its metadata, `authorization: Bearer TOKEN`; its deadline is gRPC's own;
`x-request-id` names it, in the metadata of a call and of its answer. A failure carries
`google.rpc.Status` in `grpc-status-details-bin`; [its reasons](errors.md).
"""
_TYPES: Mapping[Any, str] = {
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
}
_SERVICE, _MESSAGE, _ENUM, _FIELD, _ONE = 6, 4, 5, 2, 2
"""Numbers of the parts of a file, as the places of comments name them; `_ONE`: of a service or an enum."""

Place = tuple[int, ...]


def described(proto: Path) -> FileDescriptorProto:
    """Return what protoc says of a file, with the places of its comments.

    Raises:
        ValueError: It cannot be read.
    """
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        well_known = str(resources.files("grpc_tools") / "_proto")
        words = ("protoc", f"-I{proto.parent}", f"-I{well_known}", "--include_source_info")
        if protoc.main([*words, f"--descriptor_set_out={told}", str(proto)]):
            raise ValueError(f"{proto} cannot be read")
        (file,) = FileDescriptorSet.FromString(told.read_bytes()).file
    return file


def page(proto: Path) -> str:
    """Return the reference of the interface."""
    file = described(proto)
    said = {tuple(each.path): _said(each) for each in file.source_code_info.location}
    parts = [_HEAD, "## Services"]
    parts += [_service(each, (_SERVICE, at), said) for at, each in enumerate(file.service)]
    parts.append("## Messages")
    parts += [_message(each, (_MESSAGE, at), said) for at, each in enumerate(file.message_type)]
    parts.append("## Enumerations")
    parts += [_enum(each, (_ENUM, at), said) for at, each in enumerate(file.enum_type)]
    return "\n\n".join(each for each in parts if each) + "\n"


def _said(location: Any) -> str:
    both = (location.leading_comments, location.trailing_comments)
    return prose(" ".join(each for each in both if each.strip()))


def _service(service: ServiceDescriptorProto, at: Place, said: Mapping[Place, str]) -> str:
    rows = [
        (
            code(method.name),
            _link(method.input_type),
            ("stream of " if method.server_streaming else "") + _link(method.output_type),
            cell(said.get((*at, _ONE, place), "")),
        )
        for place, method in enumerate(service.method)
    ]
    head = ("Method", "Takes", "Gives", "Meaning")
    return _part(service.name, said.get(at, ""), table(head, rows))


def _message(message: DescriptorProto, at: Place, said: Mapping[Place, str]) -> str:
    rows = [
        (
            code(field.name),
            _type(message, field),
            str(field.number),
            cell(_of_oneof(message, field) + said.get((*at, _FIELD, place), "")),
        )
        for place, field in enumerate(message.field)
    ]
    body = table(("Field", "Type", "Number", "Meaning"), rows) if rows else "It has no fields."
    return _part(message.name, said.get(at, ""), body)


def _enum(enum: EnumDescriptorProto, at: Place, said: Mapping[Place, str]) -> str:
    rows = [
        (
            code(value.name),
            str(value.number),
            cell(_meaning(value, said.get((*at, _ONE, place), ""))),
        )
        for place, value in enumerate(enum.value)
    ]
    return _part(enum.name, said.get(at, ""), table(("Value", "Number", "Meaning"), rows))


def _meaning(value: EnumValueDescriptorProto, said: str) -> str:
    reason = ErrorReason.__members__.get(value.name)
    if reason is not None:
        return WHAT[reason][0]
    return said or ("not said" if value.number == 0 else "")


def _part(name: str, *parts: str) -> str:
    return "\n\n".join([f"### {name}", *(each for each in parts if each)])


def _of_oneof(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    if not field.HasField("oneof_index") or field.proto3_optional:
        return ""
    return f"One of `{message.oneof_decl[field.oneof_index].name}`. "


def _type(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    name = _TYPES.get(field.type) or _link(field.type_name)
    entry = next(iter(_entries(message.nested_type, field.type_name)), None)
    if entry is not None:
        return f"map of {_type(entry, entry.field[0])} to {_type(entry, entry.field[1])}"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"list of {name}"
    return f"optional {name}" if field.proto3_optional else name


def _entries(nested: Sequence[DescriptorProto], name: str) -> Iterator[DescriptorProto]:
    return (each for each in nested if name.endswith(f".{each.name}"))


def _link(full_name: str) -> str:
    name = full_name.rpartition(".")[2]
    if full_name.startswith(".google."):
        return code(full_name.removeprefix("."))
    return f"[{name}](#{name.lower()})"
