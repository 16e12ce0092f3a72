"""gRPC's health checking: whether this server takes calls, as a whole and for each of its services.

Law: once the server goes away nothing serves, every watcher is told so, and no watcher keeps it from going.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import attrs
from purerpc import RpcFailedError, Status, StatusCode

from domain.model.errors import ErrorReason, ServiceFailure
from entrypoints.grpc.pb import health_pb2 as pb
from entrypoints.grpc.pb.health_grpc import HealthServicer
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.draining import Draining

WHOLE = ""
"""The name that means the server as a whole."""


@attrs.frozen
class HealthHandlers(HealthServicer):
    """`Check`, `List` and `Watch`.

    Attributes:
        services: Full names of all that is served.
        draining: Begun, nothing serves.
    """

    services: frozenset[str]
    draining: Draining

    async def Check(  # type: ignore[override]
        self, input_message: pb.HealthCheckRequest, request: ServerCall
    ) -> pb.HealthCheckResponse:
        """Tell how one service is, now."""
        if not self._known(input_message.service):
            raise RpcFailedError(
                Status(
                    StatusCode.NOT_FOUND,
                    f"unknown service {input_message.service!r}: List names those there are",
                )
            )
        return self._now()

    async def List(  # type: ignore[override]
        self, input_message: pb.HealthListRequest, request: ServerCall
    ) -> pb.HealthListResponse:
        """Tell how all services are, now."""
        now = self._now()
        return pb.HealthListResponse(statuses=dict.fromkeys((WHOLE, *sorted(self.services)), now))

    async def Watch(  # type: ignore[override]
        self, input_message: pb.HealthCheckRequest, request: ServerCall
    ) -> None:
        """Tell how one service is, and when that changes, until the server goes away.

        A service that is not known is watched too: the protocol allows for one that comes later.

        Raises:
            ServiceFailure: The server has gone away; its last status has been told.
        """
        known = self._known(input_message.service)
        unknown = pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVICE_UNKNOWN)
        if not self.draining.begun:
            await request.send(self._now() if known else unknown)
            await self.draining.wait()
        await request.send(self._now() if known else unknown)
        raise ServiceFailure("the server is going away: watch again", ErrorReason.SERVICE_DRAINING)

    def _known(self, service: str) -> bool:
        return service == WHOLE or service in self.services

    def _now(self) -> pb.HealthCheckResponse:
        serving, not_serving = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
        return pb.HealthCheckResponse(status=not_serving if self.draining.begun else serving)
