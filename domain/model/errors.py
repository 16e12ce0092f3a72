"""What can go wrong, whose fault it is, and whether to try again.

One closed vocabulary: the same word is on the wire, in the metric label, the log, the database and the span.
A class says how a failure is built and what it carries; the reason says what it is.
"""

from enum import Enum
from typing import Self

import attrs


class ErrorReason(Enum):
    """Why a call failed. Names and numbers are the wire's.

    The prefix says whose fault it is: the caller's, our policy's, the
    provider's or the service's own.
    """

    CALLER_INVALID_REQUEST = 1
    CALLER_MODEL_UNKNOWN = 2
    CALLER_CANCELLED = 3
    CALLER_DEADLINE = 4
    CALLER_IDEMPOTENCY_CONFLICT = 5
    POLICY_UNAUTHENTICATED = 20
    POLICY_ACCESS_DENIED = 21
    POLICY_RATE_LIMITED = 22
    POLICY_CONCURRENCY_LIMITED = 23
    POLICY_BUDGET_EXCEEDED = 24
    PROVIDER_NOT_CONFIGURED = 39
    PROVIDER_AUTH_FAILED = 40
    PROVIDER_BILLING = 41
    PROVIDER_RATE_LIMITED = 42
    PROVIDER_OVERLOADED = 43
    PROVIDER_SERVER_ERROR = 44
    PROVIDER_CONNECTION_FAILED = 45
    PROVIDER_TIMEOUT_FIRST_TOKEN = 46
    PROVIDER_TIMEOUT_IDLE = 47
    PROVIDER_STREAM_TRUNCATED = 48
    PROVIDER_PROTOCOL_ERROR = 49
    PROVIDER_CONTENT_BLOCKED = 50
    PROVIDER_REJECTED_REQUEST = 51
    SERVICE_OVERLOADED = 60
    SERVICE_DRAINING = 61
    SERVICE_INTERNAL = 62


RETRYABLE = frozenset(
    {
        ErrorReason.POLICY_RATE_LIMITED,
        ErrorReason.POLICY_CONCURRENCY_LIMITED,
        ErrorReason.PROVIDER_RATE_LIMITED,
        ErrorReason.PROVIDER_OVERLOADED,
        ErrorReason.PROVIDER_SERVER_ERROR,
        ErrorReason.PROVIDER_CONNECTION_FAILED,
        ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN,
        ErrorReason.PROVIDER_TIMEOUT_IDLE,
        ErrorReason.PROVIDER_STREAM_TRUNCATED,
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
        ErrorReason.SERVICE_OVERLOADED,
        ErrorReason.SERVICE_DRAINING,
    }
)
"""Reasons for which the same call may succeed later."""

_BEFORE_UPSTREAM = frozenset(
    {
        ErrorReason.CALLER_INVALID_REQUEST,
        ErrorReason.CALLER_MODEL_UNKNOWN,
        ErrorReason.POLICY_UNAUTHENTICATED,
        ErrorReason.POLICY_ACCESS_DENIED,
        ErrorReason.POLICY_RATE_LIMITED,
        ErrorReason.POLICY_CONCURRENCY_LIMITED,
        ErrorReason.POLICY_BUDGET_EXCEEDED,
        ErrorReason.PROVIDER_NOT_CONFIGURED,
    }
)


@attrs.frozen
class FieldViolation:
    """One bad field of a request.

    Attributes:
        field: Path in the wire's words, e.g. ``messages[0].role``.
        description: What is wrong and what to do about it.
    """

    field: str
    description: str


class ChatError(Exception):
    """A call failed for a known reason.

    Attributes:
        message: For the caller; holds no secret.
        reason: One word of the vocabulary.
        retryable: Whether the same call may succeed later.
        retry_after_s: When to try again, in seconds from now; ``None`` if not known.
        upstream_status: The provider's HTTP status; ``None`` where it was not asked
            or did not answer.
        upstream_request_id: The provider's name for the failed request.
    """

    def __init__(
        self,
        message: str,
        reason: ErrorReason,
        *,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
        upstream_status: int | None = None,
        upstream_request_id: str = "",
    ) -> None:
        """Keep what is known; `retryable` defaults to what the reason says."""
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retryable = reason in RETRYABLE if retryable is None else retryable
        self.retry_after_s = retry_after_s
        self.upstream_status = upstream_status
        self.upstream_request_id = upstream_request_id

    def copied(self) -> Self:
        """Return the same error, without the places it came through: for each who is told of its own."""
        copy = type(self).__new__(type(self), *self.args)
        vars(copy).update(vars(self))
        return copy

    @property
    def before_upstream(self) -> bool:
        """Whether no provider was asked, so that there is nothing to account for."""
        return self.upstream_status is None and self.reason in _BEFORE_UPSTREAM


class InvalidRequest(ChatError):
    """The caller's request makes no sense; `violations` names every bad field."""

    def __init__(self, *violations: FieldViolation) -> None:
        """Say all `violations` in one message."""
        text = "; ".join(f"{each.field}: {each.description}" for each in violations)
        super().__init__(text, ErrorReason.CALLER_INVALID_REQUEST)
        self.violations = violations


class ModelUnknown(ChatError):
    """No such provider or model, or the name is ambiguous."""

    def __init__(
        self, message: str, *, upstream_status: int | None = None, upstream_request_id: str = ""
    ) -> None:
        """Say what was asked for and what there is."""
        super().__init__(
            message,
            ErrorReason.CALLER_MODEL_UNKNOWN,
            upstream_status=upstream_status,
            upstream_request_id=upstream_request_id,
        )


class IdempotencyConflict(ChatError):
    """The caller's key is taken by another request of its own."""

    def __init__(self, message: str) -> None:
        """Say what is in the way, and what to do."""
        super().__init__(message, ErrorReason.CALLER_IDEMPOTENCY_CONFLICT)


class DeadlineExceeded(ChatError):
    """The caller's deadline passed."""

    def __init__(self, message: str = "the deadline passed") -> None:
        """Nothing but the deadline is to blame."""
        super().__init__(message, ErrorReason.CALLER_DEADLINE)


class NotConfigured(ChatError):
    """The provider exists but lacks its key or address; the message is the remedy."""

    def __init__(self, message: str) -> None:
        """Say which setting is missing."""
        super().__init__(message, ErrorReason.PROVIDER_NOT_CONFIGURED)


class Unauthenticated(ChatError):
    """Nobody knows who is calling: no token, or one that is malformed, unknown, expired or revoked."""

    def __init__(self, message: str) -> None:
        """Say what is missing, never what was shown."""
        super().__init__(message, ErrorReason.POLICY_UNAUTHENTICATED)


class AccessDenied(ChatError):
    """The caller is known, and may not do this."""

    def __init__(self, message: str) -> None:
        """Say what is not allowed, and what would allow it."""
        super().__init__(message, ErrorReason.POLICY_ACCESS_DENIED)


@attrs.frozen
class QuotaViolation:
    """One limit that a call did not fit into.

    Attributes:
        subject: Whose limit, e.g. ``caller:alice``, ``provider:openai``, ``service``.
        description: Which limit, how large it is, and what to do about it.
    """

    subject: str
    description: str


class LimitExceeded(ChatError):
    """A limit of ours was reached, and `violations` names each."""

    def __init__(
        self,
        reason: ErrorReason,
        *violations: QuotaViolation,
        retryable: bool | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Say all `violations` in one message."""
        text = "; ".join(f"{each.subject}: {each.description}" for each in violations)
        super().__init__(text, reason, retryable=retryable, retry_after_s=retry_after_s)
        self.violations = violations


class ProviderFailure(ChatError):
    """The provider, or the way to it, failed; the reason starts with ``PROVIDER_``."""


class RouteBroken(ProviderFailure):
    """A route fails, and is left alone until it is tried with care; the reason is what failed last.

    Nobody waits for such a route within a call, whether the call came before that or after.
    """


class ServiceFailure(ChatError):
    """We failed; the reason starts with ``SERVICE_``."""
