"""The messages of gRPC's test service, made from its description when this is imported."""

import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

PROTO = Path(__file__).with_name("testing.proto")


def _made() -> dict[str, Any]:
    # In a pool of their own: another package in this process may know messages of the same names.
    pool = descriptor_pool.DescriptorPool()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        if protoc.main(["protoc", f"-I{PROTO.parent}", f"--descriptor_set_out={out}", PROTO.name]):
            raise RuntimeError(f"{PROTO} does not compile")
        for file in FileDescriptorSet.FromString(out.read_bytes()).file:
            pool.Add(file)
    made: dict[str, Any] = message_factory.GetMessageClassesForFiles([PROTO.name], pool)
    return made


_MADE = _made()
Empty: Any = _MADE["grpc.testing.Empty"]
SimpleRequest: Any = _MADE["grpc.testing.SimpleRequest"]
SimpleResponse: Any = _MADE["grpc.testing.SimpleResponse"]
InputRequest: Any = _MADE["grpc.testing.StreamingInputCallRequest"]
InputResponse: Any = _MADE["grpc.testing.StreamingInputCallResponse"]
OutputRequest: Any = _MADE["grpc.testing.StreamingOutputCallRequest"]
OutputResponse: Any = _MADE["grpc.testing.StreamingOutputCallResponse"]

SERVICE = "grpc.testing.TestService"
KINDS: dict[str, tuple[Any, Any]] = {
    "EmptyCall": (Empty, Empty),
    "UnaryCall": (SimpleRequest, SimpleResponse),
    "StreamingOutputCall": (OutputRequest, OutputResponse),
    "StreamingInputCall": (InputRequest, InputResponse),
    "FullDuplexCall": (OutputRequest, OutputResponse),
    "UnimplementedCall": (Empty, Empty),
}
"""Request and answer of each method."""
