"""Who may look at the console, and who may cancel calls there.

Laws: on this machine whoever gets here may look, if it is asked for by one of this machine's own names (or a
page of the internet whose name leads here could look, too); calls may be cancelled there by everybody only
while no callers are configured. From elsewhere it takes a token with the scope `console`, and to cancel one
with `console.cancel`. What a session may do is looked up anew each time, so what is revoked ends at once.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping

import anyio
import attrs

from domain.model.caller import Caller
from domain.model.errors import Unauthenticated
from domain.policy.access import CANCEL_CALLS, READ_CONSOLE
from domain.policy.guessing import Guesses
from entrypoints.grpc.authentication import Admission
from entrypoints.http.console.page import Viewer
from entrypoints.loopback import is_loopback

SESSION_S = 8 * 3600.0
_MOST_SESSIONS = 256
_LONGEST_TOKEN = 1024


class Refused(Exception):
    """Somebody may not do this; the message says why.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, why: str) -> None:
        """Say `why`."""
        super().__init__(why)
        self.status = status


@attrs.frozen
class _Session:
    digest: bytes = attrs.field(repr=False)
    until_s: float


@attrs.frozen(eq=False)
class Access:
    """Who gets in.

    Attributes:
        admission: Knows the callers.
        private: Whether only this machine can get here.
        clock: Seconds, the event loop's.
        guesses: Who has shown wrong tokens.
    """

    admission: Admission
    private: bool
    clock: Callable[[], float] = anyio.current_time
    guesses: Guesses = attrs.field(factory=Guesses)
    _key: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), repr=False)
    _sessions: OrderedDict[bytes, _Session] = attrs.field(factory=OrderedDict, repr=False)

    async def viewer(self, host: str, authorization: str, cookie: str, peer: str) -> Viewer:
        """Return who looks.

        Args:
            host: As the request names ours.
            authorization: Its header; empty: none.
            cookie: The session's; empty: none.
            peer: The client's address.

        Raises:
            Refused: Whoever it is may not.
        """
        if authorization:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise Refused(401, "send 'authorization: Bearer TOKEN'")
            return self._viewer(await self._known(token.strip(), peer))
        session = self._session(cookie)
        if session is not None:
            caller = await self._caller(session.digest)
            if caller is not None:
                return attrs.evolve(self._viewer(caller), csrf=self._csrf(cookie), session=True)
        if self.private and is_ours(host):
            return Viewer(may_cancel=not self.admission.demanding(), csrf=self._csrf(""))
        if not self.admission.demanding():
            raise Refused(
                403,
                "beyond this machine the console is for callers with the scope console, and there are none:"
                " make one (llmservice keys create NAME --scope console)",
            )
        raise Refused(401, "this needs the token of a caller with the scope console")

    async def sign_in(self, token: str, peer: str) -> str:
        """Return the cookie of a new session.

        Raises:
            Refused: The token is not one that may look.
        """
        self._viewer(await self._known(token, peer))
        cookie = secrets.token_urlsafe(32)
        now_s = self.clock()
        self._sessions[_digest(cookie)] = _Session(_digest(token), now_s + SESSION_S)
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def sign_out(self, cookie: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(cookie), None)

    def check(self, viewer: Viewer, csrf: str, headers: Mapping[str, str]) -> None:
        """Do nothing if a request that changes something comes from our own page, or brings its own token.

        Raises:
            Refused: It may have been made by another page, in the name of whoever looks at it.
        """
        if "authorization" in headers:
            return
        origin = headers.get("origin", "")
        if origin.partition("://")[2] != headers.get("host", ""):
            raise Refused(403, "this does not come from the console's own page")
        if not hmac.compare_digest(csrf.encode(), viewer.csrf.encode()):
            raise Refused(403, "the page is out of date: load it again")

    def _viewer(self, caller: Caller) -> Viewer:
        if READ_CONSOLE not in caller.scopes and CANCEL_CALLS not in caller.scopes:
            raise Refused(403, f"this needs the scope {READ_CONSOLE}")
        return Viewer(name=caller.name, may_cancel=CANCEL_CALLS in caller.scopes)

    async def _known(self, token: str, peer: str) -> Caller:
        caller = None
        if 0 < len(token) <= _LONGEST_TOKEN:
            caller = await self._caller(_digest(token))
        if caller is None:
            await anyio.sleep(self.guesses.failed(peer, self.clock()))
            raise Refused(401, "nobody has this token: it is mistyped, revoked or expired")
        return caller

    async def _caller(self, digest: bytes) -> Caller | None:
        try:
            return await self.admission.callers.by_token_digest(digest)
        except Unauthenticated:
            # It has expired.
            return None

    def _session(self, cookie: str) -> _Session | None:
        if not cookie:
            return None
        session = self._sessions.get(_digest(cookie))
        if session is not None and session.until_s <= self.clock():
            self.sign_out(cookie)
            return None
        return session

    def _csrf(self, cookie: str) -> str:
        return hmac.new(self._key, cookie.encode(), "sha256").hexdigest()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def is_ours(host: str) -> bool:
    """Return whether `host`, as a request names it, can only be this machine."""
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    return is_loopback(name.strip("[]"))
