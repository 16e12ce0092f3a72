"""What is there to see: metrics and health, as an application for ASGI.

`/livez` says that the server runs, `/readyz` whether calls are taken. Both are open; `/metrics` names
models, and so asks for a token wherever it can be reached from other machines, and elsewhere for a name of
this one: else a page of the internet whose name leads here could read it.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import attrs
import trio
from prometheus_client.core import Metric
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.telemetry.prometheus.exposition import (
    Page,
    families,
    of_the_interpreter,
    of_the_process,
    written,
)
from adapters.telemetry.prometheus.series import Reading
from domain.model.errors import Unauthenticated
from domain.policy.access import READ_METRICS
from entrypoints.grpc.authentication import Admission
from entrypoints.http.console.console import Console
from entrypoints.http.shown import Shown, Unknowable

_NO_STORE = {"cache-control": "no-store"}
_LONGEST_TOKEN = 1024


@attrs.frozen
class Pages:
    """The pages of one server.

    Attributes:
        shown: What they show.
        admission: Knows who may see what is not for everybody; ``None``: whoever gets here may see all.
        console: For people; ``None``: there is none.
        is_named: Whether metrics may be asked for by this name of ours, as a request has it (``Host``).
    """

    shown: Shown
    admission: Admission | None = None
    console: Console | None = None
    is_named: Callable[[str], bool] = lambda host: True
    # One at a time, so that writing never takes more than one thread from the calls.
    _writing: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1))

    def application(self) -> Starlette:
        """Return all of them."""
        return Starlette(
            routes=[
                Route("/metrics", self.metrics),
                Route("/livez", self.livez),
                Route("/readyz", self.readyz),
                *([] if self.console is None else self.console.routes()),
            ]
        )

    async def livez(self, request: Request) -> Response:
        """Say that the server runs."""
        return _well(self.shown.unlive())

    async def readyz(self, request: Request) -> Response:
        """Say whether calls are taken, and if not, why."""
        return _well(self.shown.unready())

    async def metrics(self, request: Request) -> Response:
        """Give all metrics, in the form that is asked for."""
        refused = await self._refused(request)
        if refused is not None:
            return refused
        write = partial(
            _page,
            await self.shown.readings(),
            of_the_process if self.shown.is_one_process else of_the_interpreter,
            ",".join(request.headers.getlist("accept")),
            ",".join(request.headers.getlist("accept-encoding")),
        )
        page = await trio.to_thread.run_sync(write, limiter=self._writing)
        headers = {
            **_NO_STORE,
            "content-type": page.content_type,
            "vary": "accept, accept-encoding",
        }
        if page.encoding:
            headers["content-encoding"] = page.encoding
        return Response(page.body, headers=headers)

    async def _refused(self, request: Request) -> Response | None:
        if not self.is_named(request.headers.get("host", "")):
            return PlainTextResponse(
                "ask by a name that can only be this machine's, 127.0.0.1 or localhost, or set"
                " http.metrics_open\n",
                403,
            )
        admission = self.admission
        if admission is None or not admission.demanding():
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= _LONGEST_TOKEN:
            return _unauthorized("send 'authorization: Bearer TOKEN'")
        try:
            caller = await admission.callers.by_token_digest(
                hashlib.sha256(token.encode()).digest()
            )
        except Unauthenticated as error:
            return _unauthorized(error.message)
        except Unknowable as unknowable:
            return PlainTextResponse(f"{unknowable}\n", 503)
        if caller is None:
            return _unauthorized("nobody has this token")
        if READ_METRICS not in caller.scopes:
            return PlainTextResponse(f"this needs the scope {READ_METRICS}\n", 403)
        return None


def _unauthorized(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", 401, headers={"www-authenticate": "Bearer"})


def _well(why_not: str) -> Response:
    if why_not:
        return PlainTextResponse(f"{why_not}\n", 503, headers=_NO_STORE)
    return PlainTextResponse("ok\n", headers=_NO_STORE)


def _page(
    readings: Sequence[Reading],
    process: Callable[[], Sequence[Metric]],
    accept: str,
    accept_encoding: str,
) -> Page:
    return written([*families(readings), *process()], accept, accept_encoding)
