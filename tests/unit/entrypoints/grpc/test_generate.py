"""The generated code and the wire's contract."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from entrypoints.grpc.generate import ROOT, generate
from entrypoints.grpc.pb import llm_service_pb2 as pb
from entrypoints.grpc.protos import HOME, PACKAGE, SOURCES

OURS = ROOT / "proto/llmservice/v1/llm_service.proto"
CONTRACT = ROOT.parent / "shared/design/llm_service.proto"


def test_the_committed_code_is_what_the_proto_files_generate(tmp_path: Path) -> None:
    generate(tmp_path)
    fresh = {path.name: path.read_text() for path in (tmp_path / PACKAGE).iterdir()}
    committed = {
        path.name: path.read_text()
        for path in (ROOT / PACKAGE).iterdir()
        if path.is_file() and path.name != "__init__.py"
    }
    assert sorted(fresh) == sorted(committed)
    stale = [name for name in fresh if fresh[name] != committed[name]]
    assert stale == [], "run `just proto`"


def test_every_proto_file_is_generated() -> None:
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "proto").rglob("*.proto")}
    assert files == {f"{HOME}/{public}" for public in SOURCES.values()}


def test_the_proto_folder_is_no_package() -> None:
    # It would shadow proto-plus, which others import as `proto`.
    assert list((ROOT / "proto").rglob("*.py")) == []


# ------------------------------------------------------------------ the contract


def described(source: Path, into: Path) -> FileDescriptorProto:
    """Return what `source` declares."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={source.parent}",
            f"--descriptor_set_out={into}",
            source.name,
        ],
        check=True,
    )
    (file,) = FileDescriptorSet.FromString(into.read_bytes()).file
    return file


def strays(ours: FileDescriptorProto, contract: FileDescriptorProto) -> list[str]:
    """Return what `ours` has that `contract` has not, or has otherwise."""
    found = [] if ours.package == contract.package else [f"package {ours.package}"]
    messages = {each.name: each for each in contract.message_type}
    enums = {each.name: each for each in contract.enum_type}
    services = {each.name: each for each in contract.service}
    for message in ours.message_type:
        found += _stray_fields(message, messages.get(message.name, DescriptorProto()))
    for enum in ours.enum_type:
        found += _stray_values(enum, enums.get(enum.name, EnumDescriptorProto()))
    for service in ours.service:
        known = services[service.name].method if service.name in services else []
        found += [f"{service.name}.{each.name}" for each in service.method if each not in known]
    return found


def _stray_fields(ours: DescriptorProto, contract: DescriptorProto) -> list[str]:
    if not contract.name:
        return [ours.name]
    known = {_facts(contract, index) for index in range(len(contract.field))}
    found = [
        f"{ours.name}.{field.name}"
        for index, field in enumerate(ours.field)
        if _facts(ours, index) not in known
    ]
    nested = {each.name: each for each in contract.nested_type}
    for each in ours.nested_type:
        found += _stray_fields(each, nested.get(each.name, DescriptorProto()))
    return found


def _facts(message: DescriptorProto, index: int) -> tuple[object, ...]:
    field = message.field[index]
    # The index of a oneof moves with the optional fields before it; its name stays.
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    return (
        field.name,
        field.number,
        field.type,
        field.type_name,
        field.label,
        field.proto3_optional,
        oneof,
    )


def _stray_values(ours: EnumDescriptorProto, contract: EnumDescriptorProto) -> list[str]:
    known = {(each.name, each.number) for each in contract.value}
    return [
        f"{ours.name}.{each.name}" for each in ours.value if (each.name, each.number) not in known
    ]


@pytest.mark.skipif(not CONTRACT.is_file(), reason="the design folder is not beside the project")
def test_our_wire_is_part_of_the_contract(tmp_path: Path) -> None:
    ours = described(OURS, tmp_path / "ours.bin")
    assert strays(ours, described(CONTRACT, tmp_path / "contract.bin")) == []
    assert {each.name for each in ours.message_type} == set(pb.DESCRIPTOR.message_types_by_name)


@pytest.mark.parametrize(
    ("before", "after", "stray"),
    [
        ("string model = 2;", "string model = 99;", "LLMRequest.model"),
        ("string model = 2;", "bytes model = 2;", "LLMRequest.model"),
        ("string model = 2;", "string modell = 2;", "LLMRequest.modell"),
        ("string model = 2;", "repeated string model = 2;", "LLMRequest.model"),
        ("optional int32 top_k = 6;", "int32 top_k = 6;", "LLMRequest.top_k"),
        ("message LLMRequest {", "message Mine {} message LLMRequest {", "Mine"),
        ("SERVICE_INTERNAL = 62;", "SERVICE_INTERNAL = 63;", "ErrorReason.SERVICE_INTERNAL"),
        ("returns (LLMResponse)", "returns (stream LLMResponse)", "LLMService.Invoke"),
        ("package llmservice.v1;", "package llmservice.v2;", "package llmservice.v2"),
    ],
)
def test_a_stray_from_the_contract_is_found(
    before: str, after: str, stray: str, tmp_path: Path
) -> None:
    text = OURS.read_text()
    assert before in text
    changed = tmp_path / "changed.proto"
    changed.write_text(text.replace(before, after, 1))
    ours, contract = described(changed, tmp_path / "a"), described(OURS, tmp_path / "b")
    assert stray in strays(ours, contract)
