"""The gRPC server: the service behind the transport."""

import math
from collections.abc import Callable

import trio

from domain.services.service import Service
from entrypoints.addresses import AnyAddress
from entrypoints.event_loop import loop_clock
from entrypoints.grpc.authentication import OPEN, Admission, Authentication
from entrypoints.grpc.endings import endings
from entrypoints.grpc.identity import identified
from entrypoints.grpc.limits import budget_of, limits_of
from entrypoints.grpc.services import services_of, with_reflection
from entrypoints.grpc.told import BY_LOGURU, Told
from entrypoints.grpc.transport.call import ServerCall
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.draining import Draining
from entrypoints.grpc.transport.engine import engine_factory
from entrypoints.grpc.transport.listeners import Binding
from entrypoints.grpc.transport.server import Server
from entrypoints.grpc.transport.tls import Tls
from entrypoints.grpc.watching import Watching
from entrypoints.settings.grpc import GrpcSettings
from ports.telemetry import Telemetry


def _certificate_names(call: ServerCall) -> tuple[str, ...]:
    return () if call.client is None else call.client.names


async def serve_grpc(  # noqa: ASYNC114, ASYNC128 - the server it starts says that it has started
    service: Service,
    settings: GrpcSettings,
    admission: Admission = OPEN,
    *,
    tls: Tls | None = None,
    draining: Draining | None = None,
    telemetry: Telemetry | None = None,
    show: Callable[[Server], None] = lambda server: None,
    told: Told = BY_LOGURU,
    task_status: trio.TaskStatus[AnyAddress] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `service` until drained; cancelled, every call is lost.

    Args:
        service: Answers.
        settings: Where and how.
        admission: Who is let in.
        draining: Begun, no new connections are taken, and calls may finish; ``None``: never.
        tls: Spoken at every TCP address; ``None``: nowhere.
        telemetry: Is told of every call; ``None``: nobody watches.
        show: Is given the server, for those who look at it.
        told: What the log is told of calls.
        task_status: Told the first address, as bound, once it accepts calls at all of them.

    Raises:
        CannotListen: One of the addresses cannot be had.
    """
    draining = draining or Draining()
    services = services_of(service, draining, told.content)
    authentication = Authentication(
        admission, frozenset(settings.open_services), certificate_names=_certificate_names
    )
    watching = None if telemetry is None else Watching(telemetry, loop_clock())
    dispatcher = Dispatcher.of(
        with_reflection(services) if settings.reflection else services,
        endings(told, watching),
        # Named before it is seen, and seen before it may be refused.
        first=(
            identified,
            *(() if watching is None else (watching.watched,)),
            authentication.authenticated,
        ),
    )
    binding = Binding(reuse_port=settings.reuse_port, unix_mode=int(settings.unix_mode, 8))
    server = Server(
        dispatcher,
        engine_factory(settings.http2_engine),
        limits_of(settings),
        binding,
        max_connections=settings.max_connections,
        max_connections_per_peer=settings.max_connections_per_peer or math.inf,
        budget=budget_of(settings),
        draining=draining,
        drain_grace_s=settings.drain_grace_s,
        tls=tls,
    )
    show(server)
    await server.serve(*settings.addresses, task_status=task_status)
