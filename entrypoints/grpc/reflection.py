"""gRPC's server reflection: tools learn from the server itself what it serves.

Both versions of the protocol are the same but for their names, so one answers for both. What is told is the
public interface, under the names that our .proto files have for others, and nothing of this process.
Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import attrs
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default, DescriptorPool
from purerpc import StatusCode

from entrypoints.grpc.pb import reflection_pb2 as pb
from entrypoints.grpc.pb import reflection_v1alpha_pb2 as pb_alpha
from entrypoints.grpc.pb.reflection_grpc import ServerReflectionServicer
from entrypoints.grpc.pb.reflection_v1alpha_grpc import (
    ServerReflectionServicer as ServerReflectionServicerAlpha,
)
from entrypoints.grpc.protos import PACKAGE, SOURCES
from entrypoints.grpc.transport.call import ServerCall

NAMES = tuple(
    each.DESCRIPTOR.services_by_name["ServerReflection"].full_name for each in (pb, pb_alpha)
)
"""Full names of the service, in both versions."""

_PUBLIC: Mapping[str, str] = {f"{PACKAGE}/{ours}": public for ours, public in SOURCES.items()}
_OURS: Mapping[str, str] = {public: ours for ours, public in _PUBLIC.items()}


@attrs.frozen
class Reflection:
    """Answers single requests.

    Attributes:
        services: Full names of all that is served.
        pool: Knows the files.
    """

    services: frozenset[str]
    pool: DescriptorPool = attrs.field(factory=Default)

    def answer(self, request: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
        """Return the answer to `request`: an `ErrorResponse` if there is none, never an exception."""
        response = pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
        rule = _RULES.get(request.WhichOneof("message_request") or "")
        if rule is None:
            return _failed(response, StatusCode.INVALID_ARGUMENT, "nothing was asked for")
        try:
            rule(self, request, response)
        except KeyError:
            return _failed(
                response, StatusCode.NOT_FOUND, "there is no such file, symbol or extension"
            )
        return response

    def _services(
        self, _: pb.ServerReflectionRequest, response: pb.ServerReflectionResponse
    ) -> None:
        listed = [pb.ServiceResponse(name=name) for name in sorted(self.services)]
        response.list_services_response.service.extend(listed)

    def _by_name(
        self, request: pb.ServerReflectionRequest, response: pb.ServerReflectionResponse
    ) -> None:
        name = request.file_by_filename
        _tell(self.pool.FindFileByName(_OURS.get(name, name)), response)

    def _by_symbol(
        self, request: pb.ServerReflectionRequest, response: pb.ServerReflectionResponse
    ) -> None:
        symbol = request.file_containing_symbol
        try:
            found = self.pool.FindFileContainingSymbol(symbol)
        except KeyError:
            # The pool does not count methods among the symbols; the protocol does.
            found = self.pool.FindMethodByName(symbol).containing_service.file
        _tell(found, response)

    def _by_extension(
        self, request: pb.ServerReflectionRequest, response: pb.ServerReflectionResponse
    ) -> None:
        wanted = request.file_containing_extension
        extended = self.pool.FindMessageTypeByName(wanted.containing_type)
        # Fields have a file, which their types leave out.
        extension: Any = self.pool.FindExtensionByNumber(extended, wanted.extension_number)
        _tell(extension.file, response)

    def _extensions(
        self, request: pb.ServerReflectionRequest, response: pb.ServerReflectionResponse
    ) -> None:
        extended = self.pool.FindMessageTypeByName(request.all_extension_numbers_of_type)
        found = response.all_extension_numbers_response
        found.base_type_name = extended.full_name
        found.extension_number.extend(each.number for each in self.pool.FindAllExtensions(extended))


_Rule = Callable[[Reflection, pb.ServerReflectionRequest, pb.ServerReflectionResponse], None]
_RULES: Mapping[str, _Rule] = {
    "list_services": Reflection._services,
    "file_by_filename": Reflection._by_name,
    "file_containing_symbol": Reflection._by_symbol,
    "file_containing_extension": Reflection._by_extension,
    "all_extension_numbers_of_type": Reflection._extensions,
}


def _failed(
    response: pb.ServerReflectionResponse, code: StatusCode, message: str
) -> pb.ServerReflectionResponse:
    response.error_response.error_code = code.value
    response.error_response.error_message = message
    return response


def _tell(file: FileDescriptor, response: pb.ServerReflectionResponse) -> None:
    """Put `file` and all that it imports into `response`."""
    told = response.file_descriptor_response.file_descriptor_proto
    told.extend(each.SerializeToString() for each in _with_imports(file, set()))


def _with_imports(file: FileDescriptor, seen: set[str]) -> Iterator[FileDescriptorProto]:
    if file.name in seen:
        return
    seen.add(file.name)
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    proto.name = _PUBLIC.get(proto.name, proto.name)
    proto.dependency[:] = [_PUBLIC.get(each, each) for each in proto.dependency]
    yield proto
    for each in file.dependencies:
        yield from _with_imports(each, seen)


@attrs.frozen
class ReflectionHandlers(ServerReflectionServicer):
    """`grpc.reflection.v1`."""

    reflection: Reflection

    async def ServerReflectionInfo(  # type: ignore[override]
        self, input_messages: AsyncIterator[pb.ServerReflectionRequest], request: ServerCall
    ) -> None:
        """Answer each request."""
        async for each in input_messages:
            await request.send(self.reflection.answer(each))


@attrs.frozen
class ReflectionHandlersAlpha(ServerReflectionServicerAlpha):
    """`grpc.reflection.v1alpha`: the same bytes under other names."""

    reflection: Reflection

    async def ServerReflectionInfo(  # type: ignore[override]
        self, input_messages: AsyncIterator[Any], request: ServerCall
    ) -> None:
        """Answer each request."""
        async for each in input_messages:
            asked = pb.ServerReflectionRequest.FromString(each.SerializeToString())
            answer = self.reflection.answer(asked).SerializeToString()
            await request.send(pb_alpha.ServerReflectionResponse.FromString(answer))
