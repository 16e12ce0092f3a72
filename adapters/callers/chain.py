"""Several sources of callers, asked in turn."""

from collections.abc import Sequence

import attrs

from domain.model.caller import Caller
from ports.callers import Callers


@attrs.frozen
class ChainedCallers:
    """Knows whom any of `sources` knows; the first that does decides, even if it refuses."""

    sources: Sequence[Callers]

    async def by_token_digest(self, digest: bytes, /) -> Caller | None:
        """Return whose token has this SHA-256 `digest`.

        Raises:
            Unauthenticated: The token is known, and expired or revoked.
        """
        for each in self.sources:
            caller = await each.by_token_digest(digest)
            if caller is not None:
                return caller
        return None

    async def by_client_subject(self, subject: str, /) -> Caller | None:
        """Return whose TLS client certificate names this `subject`.

        Raises:
            Unauthenticated: As `by_token_digest`.
        """
        for each in self.sources:
            caller = await each.by_client_subject(subject)
            if caller is not None:
                return caller
        return None
