"""The console's addresses: the page, its events, the same as JSON, signing in, and cancelling calls."""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from importlib.resources import files
from typing import TypeAlias
from urllib.parse import parse_qsl

import attrs
from loguru import logger
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from entrypoints.http.console.access import SESSION_S, Access, Refused
from entrypoints.http.console.feed import Feed, Frames
from entrypoints.http.console.page import Viewer, page, sign_in
from entrypoints.http.console.view import View
from entrypoints.http.shown import Unknowable

COOKIE = "llmservice_console"
_MOST_FORM = 4096
_CALL = re.compile(r"[0-9]{1,19}(-[0-9]{1,19})?", re.ASCII)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_ASSETS: Mapping[str, str] = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


@attrs.frozen(eq=False)
class Console:
    """Answers for everything below `/console`."""

    frames: Frames
    access: Access

    def routes(self) -> list[Route]:
        """Return all addresses."""
        return [
            Route("/", self._guarded(self._home)),
            Route("/console", self._guarded(self._page)),
            Route("/console/events", self._guarded(self._events)),
            Route("/console/snapshot", self._guarded(self._snapshot)),
            Route("/console/cancel", self._guarded(self._cancel), methods=["POST"]),
            Route("/console/sign-in", self._guarded(self._sign_in), methods=["GET", "POST"]),
            Route("/console/sign-out", self._guarded(self._sign_out), methods=["POST"]),
            *(
                Route(f"/console/{name}", self._guarded(partial(_asset, name, kind)))
                for name, kind in _ASSETS.items()
            ),
        ]

    def _guarded(self, answer: _Answer) -> _Answer:
        async def guarded(request: Request) -> Response:
            try:
                answered = await answer(request)
            except Refused as refused:
                answered = _refused(request, refused)
            except Unknowable as unknowable:
                answered = _refused(request, Refused(503, str(unknowable)))
            MutableHeaders(scope=None, raw=answered.raw_headers).update(_HEADERS)
            return answered

        return guarded

    async def _home(self, request: Request) -> Response:
        return RedirectResponse("/console", 302)

    async def _page(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        view = View.of(request.query_params)
        return HTMLResponse(page(await self.frames.of(view), view, viewer))

    async def _snapshot(self, request: Request) -> Response:
        await self._viewer(request)
        return JSONResponse(await self.frames.shown.snapshot(View.of(request.query_params)))

    async def _events(self, request: Request) -> Response:
        await self._viewer(request)
        frames = self.frames
        if frames.is_full:
            raise Refused(503, "too many look on already")
        feed = Feed(frames, View.of(request.query_params), partial(self._may_look, request))
        return _Feeding(frames, feed)

    async def _may_look(self, request: Request) -> bool:
        try:
            await self._viewer(request)
        except Refused:
            return False
        return True

    async def _cancel(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        form = await _form(request)
        if not viewer.may_cancel:
            raise Refused(403, "this needs the scope console.cancel")
        self.access.check(viewer, form.get("csrf", ""), request.headers)
        number = form.get("call", "")
        if not _CALL.fullmatch(number):
            raise Refused(400, "call: must be the number of a call, as the snapshot has it")
        call = await self.frames.shown.stop(number)
        if call is None:
            raise Refused(404, "this call is not in flight any more")
        logger.bind(
            request_id=call.request_id, caller=call.caller, operator=viewer.name or "(local)"
        ).warning("a call is cancelled in the console")
        if _wants_page(request):
            # A browser without scripts.
            return RedirectResponse(f"/console{View.of(request.query_params).query}", 303)
        return PlainTextResponse("the call is cancelled\n")

    async def _sign_in(self, request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(sign_in())
        form = await _form(request)
        self.access.check(Viewer(), "", request.headers)
        try:
            cookie = await self.access.sign_in(form.get("token", "").strip(), _peer(request))
        except Refused as refused:
            return HTMLResponse(sign_in(str(refused)), refused.status)
        answer = RedirectResponse("/console", 303)
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=int(SESSION_S),
            path="/console",
            # We speak no TLS: what does it for us says so.
            secure=request.headers.get("x-forwarded-proto") == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _sign_out(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        form = await _form(request)
        self.access.check(viewer, form.get("csrf", ""), request.headers)
        self.access.sign_out(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/console", 303)
        answer.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
        return answer

    async def _viewer(self, request: Request) -> Viewer:
        headers = request.headers
        return await self.access.viewer(
            headers.get("host", ""),
            headers.get("authorization", ""),
            request.cookies.get(COOKIE, ""),
            _peer(request),
        )


class _Feeding(StreamingResponse):
    """Events, which are counted while they are sent."""

    def __init__(self, frames: Frames, feed: Feed) -> None:
        """Begin to count."""
        super().__init__(feed, media_type="text/event-stream")
        self._frames = frames

    async def stream_response(self, send: "Callable[..., Awaitable[None]]") -> None:
        """Send the events until whoever looks goes."""
        self._frames.feeds += 1
        try:
            await super().stream_response(send)
        finally:
            self._frames.feeds -= 1


async def _asset(name: str, kind: str, request: Request) -> Response:  # noqa: ASYNC124 - as all answers are made
    asset = files("entrypoints.http.console") / "assets" / name
    return Response(asset.read_bytes(), media_type=kind)


def _refused(request: Request, refused: Refused) -> Response:
    if refused.status == 401 and request.method == "GET" and _wants_page(request):
        return RedirectResponse("/console/sign-in", 303)
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "30"}}
    return PlainTextResponse(f"{refused}\n", refused.status, headers.get(refused.status))


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else ""


async def _form(request: Request) -> dict[str, str]:
    """Return what a form says.

    Raises:
        Refused: It is too long.
    """
    body = b""
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > _MOST_FORM:
                raise Refused(413, "the form is too long")
    return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=16))
