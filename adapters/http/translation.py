"""What goes wrong on the way to a provider, in the core's words: one table for each stage of a call.

Law: whether content has been given decides between "could not be reached" and "broke off"; a connection
that we cannot have because there are too many is our fault.
"""

import ssl
from collections.abc import Mapping

import attrs
import httpx

from domain.model.errors import ChatError, ErrorReason, ProviderFailure, ServiceFailure


@attrs.frozen
class Stage:
    """A stage of a call, in which errors have meanings of their own.

    Attributes:
        happened: How a message about it begins.
        reasons: By kind of error; the nearest ancestor counts.
    """

    happened: str
    reasons: Mapping[type[Exception], ErrorReason]

    def meaning(self, error: httpx.TransportError) -> ChatError:
        """Return what `error` means here."""
        ancestors = type(error).__mro__
        reason = next(self.reasons[kind] for kind in ancestors if kind in self.reasons)
        happened = _HAPPENED.get(reason, self.happened)
        message = f"{happened}: {str(error) or type(error).__name__}"
        if reason.name.startswith("SERVICE_"):
            return ServiceFailure(message, reason)
        # A certificate does not become good by asking again.
        distrusted = isinstance(error.__cause__, ssl.SSLCertVerificationError)
        return ProviderFailure(message, reason, retryable=False if distrusted else None)


OVERDUE = (httpx.ReadTimeout, httpx.WriteTimeout)
"""What is raised where the other side took longer than it had; whoever set the bound says what that means."""
_HAPPENED: Mapping[ErrorReason, str] = {
    ErrorReason.PROVIDER_PROTOCOL_ERROR: "the provider's answer makes no sense",
}
_OURS: Mapping[type[Exception], ErrorReason] = {
    httpx.PoolTimeout: ErrorReason.SERVICE_OVERLOADED,
    httpx.LocalProtocolError: ErrorReason.SERVICE_INTERNAL,
    httpx.UnsupportedProtocol: ErrorReason.PROVIDER_NOT_CONFIGURED,
}
OPENING = Stage(
    "the provider could not be reached",
    {
        **_OURS,
        httpx.TransportError: ErrorReason.PROVIDER_CONNECTION_FAILED,
        httpx.RemoteProtocolError: ErrorReason.PROVIDER_PROTOCOL_ERROR,
    },
)
AWAITING = Stage(
    "the provider's answer did not begin",
    {**_OURS, httpx.TransportError: ErrorReason.PROVIDER_CONNECTION_FAILED},
)
READING = Stage(
    "the provider's answer broke off",
    {**_OURS, httpx.TransportError: ErrorReason.PROVIDER_STREAM_TRUNCATED},
)
