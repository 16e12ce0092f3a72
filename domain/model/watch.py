"""Who watches calls: what they are shown of a call while it is served, and what they are told.

Laws: a watcher is told in the middle of a call, so it never waits, never raises and never holds a call up;
what takes time it does elsewhere. It is told nothing per event of an answer: what grows in between
(`arrived`, `chunks`) it reads when it wants to know. Where nobody watches, nothing of this is paid.
"""

from enum import StrEnum
from typing import Protocol

import attrs

from domain.model.errors import ErrorReason
from domain.model.usage import Attempt


class Operation(StrEnum):
    """What an attempt asks a provider for.

    Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (gen_ai.operation.name)
    """

    CHAT = "chat"
    EMBEDDINGS = "embeddings"


class LiveAttempt(Protocol):
    """One attempt as far as it has come; read it whenever, and change nothing but `traceparent`.

    Attributes:
        request_id: Of the call; so is `caller`, the name of whom it is made for.
        provider: Configured name.
        model: As the provider is asked for it.
        operation: What is asked for.
        streamed: Whether the answer comes in chunks.
        start_s: On the event loop's clock.
        first_token_s: From the start to the first content, in seconds; ``None``: none has come.
        arrived: What has come of the answer, in quarters of a token.
        chunks: In how many pieces.
        reported_model: The model as the provider calls it; empty: it has not said.
        response_id: What the provider calls its answer; empty: it has not said.
        finish_reason: Why the model stopped: the provider's word, else ours; empty: it has not.
        traceparent: What the provider is told of the trace it is part of (W3C); empty: nothing. Whoever keeps
            traces puts the attempt's own here.
    """

    request_id: str
    caller: str
    provider: str
    model: str
    operation: Operation
    streamed: bool
    start_s: float
    first_token_s: float | None
    arrived: int
    chunks: int
    reported_model: str
    response_id: str
    finish_reason: str
    traceparent: str


class AttemptWatch(Protocol):
    """Watches one attempt."""

    def ended(self, live: LiveAttempt, attempt: Attempt | None, /) -> None:
        """Know that it is over and how; None: it turned out that no provider was asked.

        An answer that is read on after its caller has left ends after its call.
        """
        ...


class ResortKind(StrEnum):
    """What is done where an attempt alone did not do."""

    RETRY = "retry"
    FALLBACK = "fallback"
    HEDGE = "hedge"
    SKIP = "skip"


@attrs.frozen(kw_only=True)
class Resort:
    """A further attempt is coming, or a route is left out.

    Attributes:
        provider: Which is tried next, or left out; so is `model`.
        reason: Why the one before did not do; ``None``: it has not ended.
        pause_s: What is waited before it, in seconds.
    """

    kind: ResortKind
    provider: str
    model: str
    reason: ErrorReason | None = None
    pause_s: float = 0.0


class ServedWatch(Protocol):
    """Watches how one call is served, from inside the service."""

    def attempt(self, live: LiveAttempt, /) -> AttemptWatch:
        """Know that a provider is about to be asked, and say who watches that."""
        ...

    def admitted(self, queued_s: float, /) -> None:
        """Know that the limits let an attempt in, after so many seconds."""
        ...

    def refused(self, reason: ErrorReason, /) -> None:
        """Know that the limits did not."""
        ...

    def resorted(self, resort: Resort, /) -> None:
        """Know that a further attempt is coming, or that a route is left out."""
        ...
