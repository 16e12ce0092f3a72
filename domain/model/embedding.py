"""Embeddings: texts in, vectors out, and what a model that makes them takes."""

from collections.abc import Sequence

import attrs

from domain.model.call import Ledger, new_request_id
from domain.model.caller import ANONYMOUS, Caller
from domain.model.errors import ChatError
from domain.model.usage import NO_USAGE, Attempt, Usage


@attrs.frozen(kw_only=True)
class EmbeddingRequest:
    """Texts for one model to embed.

    Attributes:
        provider: Configured provider's name; empty: resolved from `model`.
        model: Model's name, as the provider or the catalogue calls it.
        inputs: Each becomes one vector; at least one.
        dimensions: How long the vectors shall be; ``None`` leaves it to the model.
    """

    provider: str = ""
    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None


@attrs.frozen(kw_only=True)
class EmbeddingCall:
    """A request for embeddings on its way.

    Attributes:
        request_id: 1-128 visible ASCII characters; the same in the reply, the log and the records.
        ledger: Grows while the call is served; shared by everything derived from this call.
        traceparent: Of the trace that this is part of (W3C); empty: of none.
        tracestate: What others have said of that trace.
    """

    request: EmbeddingRequest
    caller: Caller = ANONYMOUS
    request_id: str = attrs.field(factory=new_request_id)
    ledger: Ledger = attrs.field(factory=Ledger, eq=False)
    traceparent: str = ""
    tracestate: str = ""


@attrs.frozen(kw_only=True)
class EmbeddingResponse:
    """The vectors.

    Attributes:
        id: The provider's name for its answer; empty where it has none.
        embeddings: In the order of the inputs; ``array("f")`` wherever our codecs made them.
        upstream_status: HTTP status; 0 where there is none.
        attempts: Oldest first; empty until the answer is settled.
    """

    id: str
    provider: str
    model: str
    embeddings: tuple[Sequence[float], ...]
    usage: Usage = NO_USAGE
    upstream_status: int = 0
    upstream_request_id: str = ""
    attempts: tuple[Attempt, ...] = ()


class FailedAtCost(ChatError):
    """A provider answered, and the answer is of no use: what it cost all the same is for the account.

    Attributes:
        failure: What the caller is told.
        usage: As the provider counts.
    """

    def __init__(self, failure: ChatError, usage: Usage) -> None:
        """Say what `failure` says."""
        super().__init__(
            failure.message,
            failure.reason,
            retryable=failure.retryable,
            retry_after_s=failure.retry_after_s,
            upstream_status=failure.upstream_status,
            upstream_request_id=failure.upstream_request_id,
        )
        self.failure = failure
        self.usage = usage


@attrs.frozen(kw_only=True)
class EmbeddingModelInfo:
    """One model that embeds.

    Attributes:
        dimensions: How long its vectors are where nothing is asked; ``None`` if not known.
        lengths: The shortest and the longest that may be asked for; ``None``: its length is fixed.
        max_inputs: Most inputs of one request to the provider; more are sent in several.
        max_bytes: Most UTF-8 bytes of one request's inputs together; ``None``: there is no bound. One
            input that is longer travels alone, and the provider judges it.
        max_input_tokens: Longest single input; ``None`` if not known.
        empty_inputs: Whether an empty text is taken.
    """

    provider: str
    model: str
    dimensions: int | None = None
    lengths: tuple[int, int] | None = None
    max_inputs: int = 2_048
    max_bytes: int | None = None
    max_input_tokens: int | None = None
    empty_inputs: bool = False
