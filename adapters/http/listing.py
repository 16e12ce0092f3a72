"""Plays a provider's list of models over HTTP, page by page.

Laws: nothing is spent; every answer is bounded in size and time, and the list in pages; our secret is in no
error.
"""

import attrs

from adapters.http.exchange import Exchange
from adapters.wire.codec import Codec, ResponseHead, WireRequest
from adapters.wire.listing import Listing, LiveModel
from adapters.wire.lookup import json_of
from domain.model.call import ChatCall
from domain.model.chat import ChatRequest
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.json_value import Json

PAGES = 50
PAGE_BYTES = 16 * 1024 * 1024
"""Longest page; OpenRouter's is the longest known, with about 1 MB."""
PAGE_S = 30.0
_NONE = frozenset({404, 405, 501})
# What a codec says of a failure depends on the call only in its words.
_NOBODY = ChatCall(request=ChatRequest(model="", messages=()), request_id="models")


class Unlisted(ProviderFailure):
    """The provider has no list of models, as far as can be told."""


@attrs.frozen(kw_only=True, eq=False)
class HttpListing:
    """A provider's list of models.

    Attributes:
        codec: Tells what a failure means.
        exchange: Bounded to `PAGE_BYTES`.
    """

    codec: Codec
    listing: Listing
    exchange: Exchange

    async def check_key(self) -> None:
        """Ask what only a good key is answered, if the list itself does not tell.

        Raises:
            ChatError: It is not accepted, or the provider failed.
        """
        if self.listing.key_path:
            await self._get(self.listing.key_path)

    async def models(self) -> tuple[LiveModel, ...]:
        """Return all models, in the provider's order, each once.

        Raises:
            Unlisted: There is no list.
            ChatError: The provider failed.
        """
        found: dict[str, LiveModel] = {}
        path, pages = self.listing.path, 0
        while path and pages < PAGES:
            page = self.listing.read(await self._get(path))
            if page is None:
                raise _unlisted("what it answers is no list of models", None)
            before = len(found)
            found.update({model.name: model for model in page.models})
            # A server that does not know the cursor gives the same page for ever.
            path = page.next_path if len(found) > before else ""
            pages += 1
        return tuple(found.values())

    async def _get(self, path: str) -> Json:
        wire = WireRequest(method="GET", path=path, body=b"", headers=self.listing.headers)
        head, body = await self.exchange.whole(wire, PAGE_S, self._meaning)
        _, body = self.exchange.endpoint.scrubbed(head, body)
        read: Json = json_of(body)
        return read

    def _meaning(self, head: ResponseHead, body: bytes) -> ChatError:
        if head.status in _NONE:
            return _unlisted(f"it answers {head.status}", head.status)
        return self.codec.failure(_NOBODY, head, body)


def _unlisted(why: str, status: int | None) -> Unlisted:
    return Unlisted(
        f"it shows no list of models: {why}",
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
        retryable=False,
        upstream_status=status,
    )
