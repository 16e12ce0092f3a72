"""Where a provider is and how it knows us.

Law: a secret is in the header that carries it and nowhere else; no representation and no error shows
it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import attrs
import httpx

from adapters.http.discretion import without
from adapters.http.transport.asking import Address, Asked, Prepared, address_of, prepared
from adapters.wire.codec import ResponseHead, WireRequest
from adapters.wire.failures import HIDDEN, presentable, without_remains
from domain.model.errors import ChatError
from domain.model.events import ChatEvent

USER_AGENT = "llmservice"
LEAST_SECRET = 8
"""What is shorter is no secret but a word, such as servers of one's own take for a key; to hide it would tear
answers apart that hold the word."""


@attrs.frozen
class Credential:
    """A key.

    Attributes:
        alias: What records and logs call it.
        secret: Shown nowhere.
    """

    alias: str
    secret: str = attrs.field(repr=False)


def bearer(credential: Credential) -> Mapping[str, str]:
    """Return the headers that show `credential` as most providers want it."""
    return {"authorization": f"Bearer {credential.secret}"}


def _trimmed(url: str) -> str:
    return url.rstrip("/")


@attrs.frozen(kw_only=True)
class Endpoint:
    """One provider's address.

    Attributes:
        base_url: Up to where a codec's paths begin, e.g. ``https://host/v1``.
        credential: ``None``: the provider wants none.
        authorization: Gives the headers that show the credential.
        headers: Sent with every request; names in lower case. Their values may be secret.
        secrets: Those of these values that no answer may show.
    """

    base_url: str = attrs.field(converter=_trimmed)
    credential: Credential | None = None
    authorization: Callable[[Credential], Mapping[str, str]] = bearer
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    _hidden: tuple[str, ...] = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(lambda self: tuple(_hidden(self)), True),
    )
    _prepared: Prepared = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(lambda self: prepared(_headers(self)), True),
    )

    def asked(self, wire: WireRequest, wait_s: float, due_s: float) -> Asked:
        """Return `wire` as a request to this address.

        Args:
            wire: What the codec made.
            wait_s: For a connection.
            due_s: When the head of the answer has to be there, on the event loop's clock.

        Raises:
            httpx.UnsupportedProtocol: The address is neither http nor https.
        """
        return Asked(
            method=wire.method,
            address=_address(self.base_url + wire.path),
            headers=self._prepared,
            body=wire.body,
            further=_raw(wire.headers) if wire.headers else (),
            wait_s=wait_s,
            due_s=due_s,
        )

    def scrubbed(self, head: ResponseHead, body: bytes) -> tuple[ResponseHead, bytes]:
        """Return an answer without our secret, should the provider have said it."""
        for secret in self._hidden:
            if secret in "\n".join(head.headers.values()):
                shown = {name: presentable(value, [secret]) for name, value in head.headers.items()}
                head = ResponseHead(head.status, shown)
            body = body.replace(secret.encode(), HIDDEN.encode())
        return head, body

    def discreet(self, error: ChatError) -> ChatError:
        """Return `error` without our secret, cut short or not, should the provider have said it."""
        message = without_remains(presentable(error.message, self._hidden), self._hidden)
        if message != error.message:
            error.message = message
            error.args = (message,)
        error.upstream_request_id = presentable(error.upstream_request_id, self._hidden)
        return error

    def all_shown(self, events: Iterable[ChatEvent]) -> Iterable[ChatEvent]:
        """Return `events`, each as `shown` says."""
        return map(self.shown, events) if self._hidden else events

    def shown(self, event: ChatEvent) -> ChatEvent:
        """Return `event` without our secret, unless it is a piece of what the model says."""
        for secret in self._hidden:
            event = without(secret, event)
        return event


def _raw(headers: Mapping[str, str]) -> Sequence[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _hidden(endpoint: Endpoint) -> Iterator[str]:
    credential = endpoint.credential
    shown = endpoint.secrets if credential is None else (credential.secret, *endpoint.secrets)
    return (secret for secret in shown if len(secret) >= LEAST_SECRET)


def _headers(endpoint: Endpoint) -> Iterator[tuple[bytes, bytes]]:
    shown = {} if endpoint.credential is None else endpoint.authorization(endpoint.credential)
    fixed = {
        "host": httpx.URL(endpoint.base_url).netloc.decode("ascii"),
        "user-agent": USER_AGENT,
        "accept": "*/*",
        # Answers are small, and a compressed stream would come in lumps.
        "accept-encoding": "identity",
        "content-type": "application/json",
        **endpoint.headers,
        **shown,
    }
    for name, value in fixed.items():
        yield name.encode("ascii"), value.encode()


@lru_cache(maxsize=256)
def _address(url: str) -> Address:
    return address_of(httpx.URL(url))
