"""Who may look on, where several workers are one server: the workers know, and are asked."""

import attrs

from domain.model.caller import Caller
from domain.model.errors import Unauthenticated
from entrypoints.crew.gathered import Gathered
from entrypoints.grpc.authentication import Admission


@attrs.frozen(eq=False)
class AskedCallers:
    """See `ports.callers.Callers`; of a caller it knows the name and the scopes."""

    gathered: Gathered

    async def by_token_digest(self, digest: bytes, /) -> Caller | None:
        """Return whose token this is.

        Raises:
            Unauthenticated: It is known, and expired.
            Unknowable: No worker answers.
        """
        found = await self.gathered.caller(digest)
        if found is None:
            return None
        if "refused" in found:
            raise Unauthenticated(found["refused"])
        return Caller(found["name"], frozenset(found["scopes"]))

    async def by_client_subject(self, subject: str, /) -> Caller | None:  # noqa: ASYNC124 - see the port
        """Return nobody: the HTTP side speaks no TLS."""
        return None


def admission(gathered: Gathered) -> Admission:
    """Return who is let in, as the workers say."""
    return Admission(callers=AskedCallers(gathered), demanding=gathered.demanding)
