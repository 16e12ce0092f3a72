"""What calls are known by: worked out once for each, however many want to know."""

import attrs

from domain.model.call import ChatCall
from domain.policy.fingerprint import fingerprint


@attrs.frozen
class Signer:
    """Gives calls their digests.

    Attributes:
        maker: Digest of how the provider is configured.
    """

    maker: bytes

    def __call__(self, call: ChatCall) -> bytes:
        """Return the digest of `call`; see `domain.policy.fingerprint`."""
        ledger, request = call.ledger, call.request
        if ledger.signed is None or ledger.signed[0] is not request:
            ledger.signed = (request, fingerprint(call, self.maker))
        return ledger.signed[1]
