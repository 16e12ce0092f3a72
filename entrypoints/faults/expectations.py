"""What must come of each fault: the law of the fault kit, as a table.

Where a provider's format makes the same fault another thing, it is named beside the rule.
"""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from domain.model.call import Delivery
from domain.model.errors import ErrorReason
from domain.model.usage import UsageSource


class Told(StrEnum):
    """How much of the answer the client got."""

    NOTHING = "nothing"
    SOME = "some"
    ALL = "all"


@attrs.frozen(kw_only=True)
class Outcome:
    """How a call ends.

    Attributes:
        reason: ``None``: it is answered.
        retry_after_s: What the client is told.
        usage: Who counted the last attempt's tokens; ``None``: nobody.
        requests: How many the provider sees.
        attempts: How many the client is told of; each has one record.
        restarts: How often the client is told that the answer begins anew.
    """

    reason: ErrorReason | None = None
    told: Told = Told.NOTHING
    retry_after_s: float | None = None
    usage: UsageSource | None = None
    requests: int = 1
    attempts: int = 1
    restarts: int = 0


@attrs.frozen(kw_only=True)
class Expectation:
    """What a fault is, and what must come of it.

    Attributes:
        says: In a few words.
        streamed: ``None``: it does not happen there; so with `whole`.
        but: By kind of provider and delivery, where it differs.
        hasty: Whether it takes a caller with little patience.
    """

    says: str
    streamed: Outcome | None = None
    whole: Outcome | None = None
    but: Mapping[tuple[str, Delivery], Outcome] = attrs.field(factory=dict)
    hasty: bool = False

    def of(self, kind: str, delivery: Delivery) -> Outcome | None:
        """Return what must come of it where `kind` is asked; None: it does not happen there."""
        usual = self.streamed if delivery is Delivery.STREAMED else self.whole
        return self.but.get((kind, delivery), usual)


STREAMED, WHOLE = Delivery.STREAMED, Delivery.WHOLE
_R = ErrorReason
_ESTIMATED = UsageSource.ESTIMATED
_PARTIAL = UsageSource.PROVIDER_PARTIAL

SERVED = Outcome(told=Told.ALL, usage=UsageSource.PROVIDER_FINAL)
_GUESSED = Outcome(told=Told.ALL, usage=_ESTIMATED)


def _both(says: str, reason: ErrorReason, **more: float) -> Expectation:
    outcome = Outcome(reason=reason, retry_after_s=more.get("retry_after_s"))
    return Expectation(says=says, streamed=outcome, whole=outcome)


def _late(
    reason: ErrorReason = _R.PROVIDER_TIMEOUT_FIRST_TOKEN, told: Told = Told.NOTHING
) -> Outcome:
    return Outcome(reason=reason, told=told, usage=_ESTIMATED)


def _broken(reason: ErrorReason, told: Told = Told.SOME) -> Outcome:
    """Return the end of an answer that had begun."""
    return Outcome(reason=reason, told=told, usage=_ESTIMATED)


EXPECTED: Mapping[str, Expectation] = {
    "healthy": Expectation(says="nothing is wrong", streamed=SERVED, whole=SERVED),
    "status_429": _both("too many requests", _R.PROVIDER_RATE_LIMITED),
    "status_429_retry_after": _both(
        "too many requests, and when to come back", _R.PROVIDER_RATE_LIMITED, retry_after_s=1.0
    ),
    "status_529": _both("overloaded", _R.PROVIDER_OVERLOADED),
    "status_500": _both("an error of its own", _R.PROVIDER_SERVER_ERROR),
    "status_502_page": _both("a proxy's page for a bad gateway", _R.PROVIDER_SERVER_ERROR),
    "status_503": _both("unavailable", _R.PROVIDER_OVERLOADED),
    "status_503_empty": _both("unavailable, without a word", _R.PROVIDER_OVERLOADED),
    "status_401": _both("our key is refused", _R.PROVIDER_AUTH_FAILED),
    "status_402": _both("payment is required", _R.PROVIDER_BILLING),
    "quota_used_up": _both("the account's quota is used up", _R.PROVIDER_BILLING),
    "status_400": _both("the request is refused", _R.PROVIDER_REJECTED_REQUEST),
    "model_unknown": _both("there is no such model", _R.CALLER_MODEL_UNKNOWN),
    "status_404_empty": _both("no such address, without a word", _R.PROVIDER_PROTOCOL_ERROR),
    "status_404_page": _both("no such address, as a page", _R.PROVIDER_PROTOCOL_ERROR),
    "redirect": _both("a redirect", _R.PROVIDER_PROTOCOL_ERROR),
    "error_body_without_end": _both("an error whose body does not end", _R.PROVIDER_SERVER_ERROR),
    "refused": Expectation(
        says="nobody accepts the connection",
        streamed=Outcome(reason=_R.PROVIDER_CONNECTION_FAILED, requests=0),
        whole=Outcome(reason=_R.PROVIDER_CONNECTION_FAILED, requests=0),
    ),
    "closed_without_answer": _both("closed without an answer", _R.PROVIDER_CONNECTION_FAILED),
    "no_http": _both("an answer that is no HTTP", _R.PROVIDER_PROTOCOL_ERROR),
    "head_without_end": _both("headers without end", _R.PROVIDER_PROTOCOL_ERROR),
    "silent": Expectation(says="no answer at all", streamed=_late(), whole=_late(), hasty=True),
    "silent_after_head": Expectation(
        says="the answer begins, and no content comes", streamed=_late(), whole=_late(), hasty=True
    ),
    "only_comments": Expectation(
        says="signs of life, and no content", streamed=_late(), whole=_late(), hasty=True
    ),
    "stall_in_content": Expectation(
        says="silence in the middle of the content",
        streamed=_late(_R.PROVIDER_TIMEOUT_IDLE, Told.SOME),
        whole=_late(),
        hasty=True,
    ),
    "comments_in_content": Expectation(
        says="signs of life in the middle, and no more content",
        streamed=_late(_R.PROVIDER_TIMEOUT_IDLE, Told.SOME),
        hasty=True,
    ),
    "stall_before_finish": Expectation(
        says="silence where the end should be",
        streamed=_late(_R.PROVIDER_TIMEOUT_IDLE, Told.ALL),
        hasty=True,
    ),
    "stall_after_end": Expectation(
        says="the answer is complete, and its body does not end",
        streamed=SERVED,
        whole=_late(),
        # Its stream has no mark of its own at the end.
        but={
            ("gemini", STREAMED): Outcome(
                reason=_R.PROVIDER_TIMEOUT_IDLE, told=Told.ALL, usage=_PARTIAL
            )
        },
        hasty=True,
    ),
    "slow_but_alive": Expectation(
        says="slow, but never too slow", streamed=SERVED, whole=SERVED, hasty=True
    ),
    "cut_before_content": Expectation(
        says="the connection is lost before the content",
        streamed=_broken(_R.PROVIDER_CONNECTION_FAILED, Told.NOTHING),
        whole=Outcome(reason=_R.PROVIDER_STREAM_TRUNCATED),
        but={("gemini", STREAMED): Outcome(reason=_R.PROVIDER_CONNECTION_FAILED)},
    ),
    "cut_in_content": Expectation(
        says="the connection is lost in the middle of the content",
        streamed=_broken(_R.PROVIDER_STREAM_TRUNCATED),
        whole=Outcome(reason=_R.PROVIDER_STREAM_TRUNCATED),
    ),
    "cut_in_json": Expectation(
        says="the connection is lost in the middle of an event",
        streamed=_broken(_R.PROVIDER_STREAM_TRUNCATED),
    ),
    "cut_after_content": Expectation(
        says="the connection is lost after the content",
        streamed=_broken(_R.PROVIDER_STREAM_TRUNCATED, Told.ALL),
    ),
    "cut_after_end": Expectation(
        says="the connection is lost after the end of the answer",
        streamed=SERVED,
        whole=Outcome(reason=_R.PROVIDER_STREAM_TRUNCATED),
        but={
            ("gemini", STREAMED): Outcome(
                reason=_R.PROVIDER_STREAM_TRUNCATED, told=Told.ALL, usage=_PARTIAL
            )
        },
    ),
    "ends_in_content": Expectation(
        says="the body ends well in the middle of the content",
        streamed=_broken(_R.PROVIDER_STREAM_TRUNCATED),
        whole=Outcome(reason=_R.PROVIDER_PROTOCOL_ERROR),
    ),
    "ends_in_json": Expectation(
        says="the body ends well in the middle of an event",
        streamed=_broken(_R.PROVIDER_STREAM_TRUNCATED),
    ),
    "empty": Expectation(
        says="a good status and nothing else",
        streamed=Outcome(reason=_R.PROVIDER_PROTOCOL_ERROR),
        whole=Outcome(reason=_R.PROVIDER_PROTOCOL_ERROR),
        but={("anthropic", STREAMED): Outcome(reason=_R.PROVIDER_STREAM_TRUNCATED)},
    ),
    "error_in_200": Expectation(
        says="an error inside a good answer",
        streamed=Outcome(reason=_R.PROVIDER_OVERLOADED),
        whole=Outcome(reason=_R.PROVIDER_OVERLOADED),
        # Its error is part of a chunk, with which the answer has begun.
        but={("openrouter", STREAMED): _broken(_R.PROVIDER_OVERLOADED, Told.NOTHING)},
    ),
    "error_after_content": Expectation(
        says="an error in the middle of a good answer",
        streamed=_broken(_R.PROVIDER_OVERLOADED),
    ),
    "garbage": _both("bytes that mean nothing", _R.PROVIDER_PROTOCOL_ERROR),
    "garbage_in_content": Expectation(
        says="an event that means nothing", streamed=_broken(_R.PROVIDER_PROTOCOL_ERROR)
    ),
    "page_in_200": _both("a page for browsers, with status 200", _R.PROVIDER_PROTOCOL_ERROR),
    "wrong_content_type": Expectation(
        says="a good answer under another type", streamed=SERVED, whole=SERVED
    ),
    "other_delivery": Expectation(
        says="whole where a stream was asked for, or the other way round",
        streamed=SERVED,
        whole=Outcome(reason=_R.PROVIDER_PROTOCOL_ERROR),
    ),
    "compressed_unasked": _both("compressed, which was not asked for", _R.PROVIDER_PROTOCOL_ERROR),
    "line_without_end": _both("a line that does not end", _R.PROVIDER_PROTOCOL_ERROR),
    "duplicate_end": Expectation(says="the end comes twice", streamed=SERVED),
    "usage_missing": Expectation(
        says="nobody says what it cost", streamed=_GUESSED, whole=_GUESSED
    ),
    "usage_zero": Expectation(says="it says that it cost nothing", streamed=SERVED, whole=SERVED),
}
