"""What calls are known by: worked out once for each, however many want to know."""

from collections.abc import Callable, Mapping

import attrs

from domain.model.call import ChatCall
from domain.policy.fingerprint import fingerprint

Sign = Callable[[ChatCall], bytes]
"""Gives a call its digest."""


@attrs.frozen
class Signer:
    """Gives calls their digests.

    Attributes:
        makers: By provider, the digest of how it is configured; those of a call's plan decide its answer.
    """

    makers: Mapping[str, bytes]

    def __call__(self, call: ChatCall) -> bytes:
        """Return the digest of `call`; see `domain.policy.fingerprint`."""
        ledger, request = call.ledger, call.request
        if ledger.signed is None or ledger.signed[0] is not request:
            makers = b"".join([self.makers[each.provider] for each in call.plan])
            ledger.signed = (request, fingerprint(call, makers))
        return ledger.signed[1]
