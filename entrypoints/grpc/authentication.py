"""Who is calling: a token in the metadata, or the TLS client's certificate.

Laws: a token never leaves this module; errors say what is expected, and whom a certificate names. A token
decides alone: a bad one is refused even with a good certificate, because whoever sends it means it. Failures
of one peer are answered ever more slowly; a valid call never waits, whoever else has failed from there.
Source: RFC 6750, 2.1 (authorization: Bearer)
"""

import hashlib
from collections.abc import Callable, Sequence

import anyio
import attrs

from adapters.callers.chain import ChainedCallers
from domain.model.caller import Caller
from domain.model.errors import Unauthenticated
from domain.policy.guessing import Guesses
from entrypoints.grpc.transport.call import ServerCall
from ports.callers import Callers

AUTHORIZATION = "authorization"
_MAX_TOKEN = 1024
_EXPECTED = "send the metadata 'authorization: Bearer TOKEN', once"


def _always() -> bool:
    return True


def _no_names(_: ServerCall) -> Sequence[str]:
    return ()


@attrs.frozen(kw_only=True)
class Admission:
    """Who is let in.

    Attributes:
        callers: Know whom to let in.
        demanding: Whether a caller must be known; asked at every call, because callers may be
            configured while the server runs. While not, whoever calls is anonymous.
    """

    callers: Callers
    demanding: Callable[[], bool] = _always


OPEN = Admission(callers=ChainedCallers(()), demanding=lambda: False)
"""Everybody is let in, and nobody is known."""


@attrs.define(eq=False)
class Authentication:
    """Finds the caller of each call.

    Attributes:
        open_services: Full names of the services that anybody may call.
        certificate_names: What the TLS client's certificate of a call names, the most telling first.
        clock: Seconds, for the pace of failures.
        guesses: The failures so far.
    """

    admission: Admission
    open_services: frozenset[str] = frozenset()
    certificate_names: Callable[[ServerCall], Sequence[str]] = _no_names
    clock: Callable[[], float] = anyio.current_time
    guesses: Guesses = attrs.field(factory=Guesses)
    _waiting: int = 0

    async def authenticated(self, call: ServerCall) -> None:
        """Know the call's caller, or refuse it.

        Raises:
            Unauthenticated: Nobody knows the caller.
        """
        if self.admission.demanding() and call.head.service not in self.open_services:
            failure: Unauthenticated | None = None
            try:
                call.caller = await self._caller(call)
            except Unauthenticated as error:
                failure = error
            if failure is not None:
                await self._hold_back(call.peer)
                raise failure

    async def _caller(self, call: ServerCall) -> Caller:
        shown: list[str | bytes] = []
        for name, value in call.head.metadata:
            if name == AUTHORIZATION:
                shown.append(value)
        if shown:
            digest = hashlib.sha256(_token(shown).encode()).digest()
            caller = await self.admission.callers.by_token_digest(digest)
            if caller is None:
                raise Unauthenticated(
                    "nobody has this token: it is mistyped, revoked, or not for this service"
                )
            return caller
        names = self.certificate_names(call)
        for name in names:
            caller = await self.admission.callers.by_client_subject(name)
            if caller is not None:
                return caller
        if names:
            raise Unauthenticated(
                f"nobody is known by this client certificate, {names[0]!r}, and there is no token:"
                f" {_EXPECTED}"
            )
        raise Unauthenticated(f"there is no token: {_EXPECTED}")

    async def _hold_back(self, peer: str) -> None:
        wait_s = self.guesses.failed(peer, self.clock())
        if wait_s <= 0 or self._waiting >= self.guesses.policy.most_waiting:
            return
        self._waiting += 1
        try:
            await anyio.sleep(wait_s)
        finally:
            self._waiting -= 1


def _token(shown: Sequence[str | bytes]) -> str:
    """Return the token in the values of the `authorization` metadata.

    Raises:
        Unauthenticated: There is not exactly one, or it is malformed.
    """
    if len(shown) > 1:
        raise Unauthenticated(f"there are {len(shown)} authorizations: {_EXPECTED}")
    value = shown[0] if isinstance(shown[0], str) else ""
    scheme, _, rest = value.partition(" ")
    token = rest.strip(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(f"the authorization is not of the kind Bearer: {_EXPECTED}")
    if not token:
        raise Unauthenticated(f"the authorization has no token: {_EXPECTED}")
    if len(token) > _MAX_TOKEN:
        raise Unauthenticated(f"the token is longer than {_MAX_TOKEN} characters: {_EXPECTED}")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise Unauthenticated(f"the token holds a space or what cannot be printed: {_EXPECTED}")
    return token
