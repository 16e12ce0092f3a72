"""Media that the provider does not fetch by itself are fetched, and given to it as data.

Laws: this happens before the attempt, so a call whose media cannot be had leaves no record; it is part of the
call: cancelled with it, and inside its deadline; all that cannot be had is named at once. A call without
such media is handed on as it is.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import attrs

from domain.model.call import ChatCall
from domain.model.chat import ChatRequest, Media
from domain.model.errors import FieldViolation, InvalidRequest
from domain.model.events import ChatEvent
from domain.policy.fetching import Fetches, to_fetch, with_data
from domain.policy.media_type import agreed
from ports.chat_model import ChatModel
from ports.media_source import Allowance, Fetched, MediaRefused, MediaSource

MOST = 64
"""Addresses in one call."""
_REMEDY = "send the bytes in data instead"


@attrs.frozen(kw_only=True)
class Inlined:
    """A model that is given its media as data.

    Attributes:
        fetches: What the provider fetches by itself.
        call_bytes: Most that is fetched for one call.
        parallel: Fetches at once for one call.
    """

    inner: ChatModel
    source: MediaSource
    fetches: Fetches
    call_bytes: int
    parallel: int

    def stream(self, call: ChatCall, /) -> AbstractAsyncContextManager[AsyncIterator[ChatEvent]]:
        """Open the answer.

        Raises:
            InvalidRequest: Names every medium that cannot be had.
        """
        wanted = to_fetch(call.request, self.fetches)
        return self._inlined(call, wanted) if wanted else self.inner.stream(call)

    @asynccontextmanager
    async def _inlined(
        self, call: ChatCall, wanted: Mapping[str, Media]
    ) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        request = await self._with_data(call.request, wanted)
        async with self.inner.stream(attrs.evolve(call, request=request)) as events:
            yield events

    async def _with_data(self, request: ChatRequest, wanted: Mapping[str, Media]) -> ChatRequest:
        uris = list(dict.fromkeys(media.uri or "" for media in wanted.values()))
        if len(uris) > MOST:
            what = f"are {len(uris)} addresses to fetch, and at most {MOST} are: {_REMEDY}"
            raise InvalidRequest(FieldViolation("messages", what))
        found = await self._all(uris)
        media: dict[str, Media] = {}
        violations: list[FieldViolation] = []
        for path, part in wanted.items():
            try:
                media[path] = _filled(part, found[part.uri or ""])
            except ValueError as error:
                violations.append(FieldViolation(f"{path}.mime_type", f"{part.uri} {error}"))
            except MediaRefused as error:
                violations.append(FieldViolation(f"{path}.uri", f"{error}; {_REMEDY}"))
        if violations:
            raise InvalidRequest(*violations)
        return with_data(request, media)

    async def _all(self, uris: list[str]) -> Mapping[str, Fetched | MediaRefused]:
        found: dict[str, Fetched | MediaRefused] = {}
        allowance = Allowance(self.call_bytes)
        places = anyio.Semaphore(self.parallel)

        async def fetch(uri: str) -> None:
            try:
                async with places:
                    found[uri] = await self.source.fetch(uri, allowance)
            except MediaRefused as refused:
                found[uri] = refused

        async with anyio.create_task_group() as tasks:
            for uri in uris:
                tasks.start_soon(fetch, uri)
        return found


def _filled(part: Media, found: Fetched | MediaRefused) -> Media:
    if isinstance(found, MediaRefused):
        raise found
    mime = agreed(part.mime_type, found.mime_type, found.data)
    return attrs.evolve(part, uri=None, data=found.data, mime_type=mime)
