"""The gRPC server: the service behind the transport."""

import trio

from domain.services.service import Service
from entrypoints.addresses import AnyAddress
from entrypoints.grpc.authentication import OPEN, Admission, Authentication
from entrypoints.grpc.endings import endings
from entrypoints.grpc.identity import identified
from entrypoints.grpc.services import services_of, with_reflection
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.engine import EngineLimits, engine_factory
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.listeners import Binding
from entrypoints.grpc.transport.server import Server
from entrypoints.grpc.transport.tls import Tls
from entrypoints.grpc.transport.vigil import Times
from entrypoints.settings.grpc import GrpcSettings


def _certificate_names(call: ServerCall) -> tuple[str, ...]:
    return () if call.client is None else call.client.names


async def serve_grpc(  # noqa: ASYNC114, ASYNC128 - the server it starts says that it has started
    service: Service,
    settings: GrpcSettings,
    admission: Admission = OPEN,
    *,
    tls: Tls | None = None,
    draining: Draining | None = None,
    task_status: trio.TaskStatus[AnyAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `service` until drained or cancelled.

    Args:
        service: Answers.
        settings: Where and how.
        admission: Who is let in.
        tls: Spoken at every TCP address; ``None``: nowhere.
        draining: Begun, the server lets calls finish and goes away.
        task_status: Told the first address, as bound, once it accepts calls at all of them.

    Raises:
        CannotListen: One of the addresses cannot be had.
    """
    draining = draining or Draining()
    services = services_of(service, draining)
    authentication = Authentication(
        admission, frozenset(settings.open_services), certificate_names=_certificate_names
    )
    dispatcher = Dispatcher.of(
        with_reflection(services) if settings.reflection else services,
        endings(),
        interceptors=[identified, authentication.authenticated],
    )
    limits = Limits(
        engine=EngineLimits(max_streams=settings.max_streams),
        max_message=settings.max_message_bytes,
        times=Times(handshake_s=settings.handshake_s),
    )
    binding = Binding(reuse_port=settings.reuse_port, unix_mode=int(settings.unix_mode, 8))
    engine = engine_factory(settings.http2_engine)
    server = Server(dispatcher, engine, limits, binding, draining=draining, tls=tls)
    await server.serve(*settings.addresses, task_status=task_status)
