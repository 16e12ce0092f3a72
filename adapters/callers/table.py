"""Callers in memory, from the configuration; the whole table can be replaced while it is used.

Laws: a token is never here, only its digest, and a digest never appears in a repr. Once somebody has been
known, an empty table knows nobody: taking the last caller away does not open the door.
"""

import hmac
import time
from collections.abc import Callable, Iterable, Mapping

import attrs

from domain.model.caller import Caller
from domain.model.errors import Unauthenticated

_PREFIX = 8
"""Bytes of a digest that choose the candidates; all of it is compared then, in constant time."""


@attrs.frozen(kw_only=True)
class KnownCaller:
    """A caller, and what it is known by.

    Attributes:
        token_digest: SHA-256, 32 bytes; empty: known by no token.
        client_subject: What its TLS certificate names; empty: known by none.
        expires_s: From when on it is refused, in seconds since the Unix epoch; ``None``: never.
        revoked: Whether it is refused already.
    """

    caller: Caller
    token_digest: bytes = attrs.field(default=b"", repr=False)
    client_subject: str = ""
    expires_s: float | None = None
    revoked: bool = False


@attrs.define
class CallerTable:
    """`ports.callers.Callers` over what `replace` was last given.

    Attributes:
        wall_clock: Seconds since the Unix epoch.
        demanding: Whether there is, or ever was, anyone in the table.
    """

    wall_clock: Callable[[], float] = time.time
    demanding: bool = False
    _by_prefix: Mapping[bytes, tuple[KnownCaller, ...]] = attrs.field(factory=dict, repr=False)
    _by_subject: Mapping[str, KnownCaller] = attrs.field(factory=dict, repr=False)

    def replace(self, known: Iterable[KnownCaller]) -> None:
        """Know those in `known` and nobody else, from the next call on."""
        known = tuple(known)
        by_prefix: dict[bytes, tuple[KnownCaller, ...]] = {}
        for each in known:
            if each.token_digest:
                prefix = each.token_digest[:_PREFIX]
                by_prefix[prefix] = (*by_prefix.get(prefix, ()), each)
        self._by_prefix = by_prefix
        self._by_subject = {each.client_subject: each for each in known if each.client_subject}
        self.demanding = self.demanding or bool(known)

    async def by_token_digest(self, digest: bytes, /) -> Caller | None:
        """Return whose token has this SHA-256 `digest`.

        Raises:
            Unauthenticated: The caller has expired, or was revoked.
        """
        for each in self._by_prefix.get(digest[:_PREFIX], ()):
            if hmac.compare_digest(each.token_digest, digest):
                if each.expires_s is None and not each.revoked:
                    return each.caller
                return self._current(each, "token")
        return None

    async def by_client_subject(self, subject: str, /) -> Caller | None:
        """Return whose TLS client certificate names this `subject`.

        Raises:
            Unauthenticated: The caller has expired, or was revoked.
        """
        known = self._by_subject.get(subject)
        return None if known is None else self._current(known, "certificate")

    def _current(self, known: KnownCaller, shown: str) -> Caller:
        if known.revoked:
            raise Unauthenticated(
                f"the {shown} is no longer accepted, because it was revoked: ask the operator of the service"
                " for a new one"
            )
        if known.expires_s is not None and self.wall_clock() >= known.expires_s:
            raise Unauthenticated(
                f"the {shown} is no longer accepted, because its caller has expired: ask the operator of"
                " the service for a new one"
            )
        return known.caller
