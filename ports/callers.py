"""Who may call."""

from typing import Protocol

from domain.model.caller import Caller


class Callers(Protocol):
    """Knows callers by what they show."""

    async def by_token_digest(self, digest: bytes, /) -> Caller | None:
        """Return whose token has this SHA-256 `digest` (32 bytes), or None if nobody's has.

        Raises:
            Unauthenticated: The token is known, and expired or revoked.
        """
        ...

    async def by_client_subject(self, subject: str, /) -> Caller | None:
        """Return whose TLS client certificate names this `subject`, or None if nobody's does.

        Raises:
            Unauthenticated: As `by_token_digest`.
        """
        ...
