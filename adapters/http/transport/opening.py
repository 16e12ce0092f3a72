"""Opening and closing the way to the providers.

Law: leaving the block closes every connection, whatever way it is left.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import attrs
import httpx

from adapters.http.transport.asking import Answered, Asked, Asking, asking
from adapters.http.transport.connection import Connect, SocketConnect, verifying_tls
from adapters.http.transport.direct import DirectTransport
from adapters.http.transport.pool import Limits
from adapters.http.transport.proxied import ProxiedTransport
from adapters.http.transport.proxies import NO_PROXIES, Proxies
from adapters.http.transport.watchdog import Watchdog
from domain.groups import only_error_as_itself

CLOSE_S = 2.0
"""Longest that closing waits for a proxied connection's farewell, in seconds."""


@asynccontextmanager
async def open_transport(
    limits: Limits = Limits(),  # noqa: B008  # a frozen value
    *,
    proxies: Proxies = NO_PROXIES,
    connect: Connect | None = None,
    clock: Callable[[], float] = anyio.current_time,
) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Open the way to the providers.

    Args:
        limits: For direct connections, by origin.
        proxies: `proxies_from_environment` reads them from there.
        connect: Opens a direct connection; None: over TCP, with verified TLS for ``https``.
        clock: The event loop's, in seconds.

    Resource handling:
        Leaving the block closes every connection, busy ones too.
    """
    watchdog = Watchdog(clock)
    direct = DirectTransport(connect or SocketConnect(), limits, watchdog, clock)
    # The watchdog does not fail, so there is never more than the block's own error.
    with only_error_as_itself():
        async with anyio.create_task_group() as tasks, AsyncExitStack() as proxied:
            tasks.start_soon(watchdog.run)
            try:
                if proxies.by_scheme:
                    yield _Routed(direct, proxies, limits, proxied)
                else:
                    yield direct
            finally:
                tasks.cancel_scope.cancel()
                with anyio.move_on_after(CLOSE_S, shield=True):
                    await proxied.aclose()
                with anyio.CancelScope(shield=True):
                    await direct.aclose()


@attrs.define(eq=False)
class _Routed(Asking):
    """Asks directly what needs no proxy, and opens the way through a proxy when it is first needed."""

    _direct: DirectTransport
    _proxies: Proxies
    _limits: Limits
    _opened: AsyncExitStack
    _through: dict[str, ProxiedTransport] = attrs.field(factory=dict)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._way(request.url).handle_async_request(request)

    async def ask(self, asked: Asked) -> Answered:
        return await asking(self._way(asked.address.url))(asked)

    def _way(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        address = self._proxies.address_for(url)
        return self._direct if address is None else self._proxied(address)

    def _proxied(self, address: str) -> ProxiedTransport:
        transport = self._through.get(address)
        if transport is None:
            inner = httpx.AsyncHTTPTransport(
                verify=verifying_tls(),
                trust_env=False,
                proxy=address,
                limits=httpx.Limits(
                    max_connections=self._limits.connections,
                    max_keepalive_connections=self._limits.idle_connections,
                    keepalive_expiry=self._limits.idle_s,
                ),
            )
            self._opened.push_async_callback(inner.aclose)
            transport = self._through[address] = ProxiedTransport(inner)
        return transport
