"""What every codec and the driver need to speak of failures: when to come back, and what may be said.

Source: RFC 9110, sections 5.6.7 and 10.2.3; ``retry-after-ms`` is OpenAI's and Anthropic's.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime

from adapters.wire.codec import ResponseHead
from adapters.wire.lookup import json_of
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import ChatEvent

MAX_MESSAGE = 2_000
"""Longest message that is handed on, in characters."""
MAX_RETRY_AFTER_S = 86_400.0
"""What a provider asks for beyond this is taken as this. How long is worth waiting is a matter of policy."""
HIDDEN = "[hidden]"
"""What stands where a secret stood."""
_NOT_FOUND = frozenset({404, 405})
_NOBODY: Sequence[object] = (None, {"detail": "Not Found"}, {"detail": "Method Not Allowed"})
"""What servers say of addresses that they do not have: no JSON, or FastAPI's."""
_CUT = "…"
"""Ends what was cut."""


def protocol_error(problem: str, *, upstream_status: int | None = None) -> ProviderFailure:
    """Return the failure of a provider whose answer makes no sense."""
    return ProviderFailure(
        f"the provider's answer makes no sense: {problem}",
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
        upstream_status=upstream_status,
    )


def no_answer(body: bytes, problem: str, *, upstream_status: int | None = None) -> ProviderFailure:
    """Return the failure of a `body` that holds nothing of the protocol, for lack of what `problem` says."""
    if body.lstrip().startswith(b"<"):
        problem = "it is a page for browsers, so its base_url may be wrong"
    return protocol_error(problem, upstream_status=upstream_status)


def truncated(problem: str, *, upstream_status: int | None = None) -> ProviderFailure:
    """Return the failure of an answer that broke off."""
    return ProviderFailure(
        f"the provider's answer broke off: {problem}",
        ErrorReason.PROVIDER_STREAM_TRUNCATED,
        upstream_status=upstream_status,
    )


def wrong_address(head: ResponseHead, body: bytes) -> ProviderFailure | None:
    """Return the failure of an answer that nobody gave who speaks the protocol; None: it is the provider's.

    A provider says what it does not find, for example a model, as JSON of its own.
    """
    if head.status not in _NOT_FOUND or json_of(body) not in _NOBODY:
        return None
    text = body.decode(errors="replace").strip()
    said = f", {text}" if text and not text.startswith(("<", "{")) else ""
    return ProviderFailure(
        presentable(f"nothing of the provider's is at this address (status {head.status}{said})")
        + ": its base_url may be wrong",
        ErrorReason.PROVIDER_PROTOCOL_ERROR,
        retryable=False,
        upstream_status=head.status,
    )


def failed_after(said: Sequence[ChatEvent], failure: ChatError) -> Iterator[ChatEvent]:
    """Return what gives what was `said` and then raises `failure`.

    Raises:
        ChatError: Nothing was said: the failure itself.
    """
    if not said:
        raise failure
    return _and_then(said, failure)


def _and_then(said: Sequence[ChatEvent], failure: ChatError) -> Iterator[ChatEvent]:
    yield from said
    raise failure


def retry_after_s(headers: Mapping[str, str], now_s: float | None = None) -> float | None:
    """Return how long the provider asks to wait, in seconds; None: it does not say.

    Args:
        headers: Names in lower case.
        now_s: Seconds since the Unix epoch; used for a date where the answer itself carries none. The
            answer's own clock is better: it cannot be skewed against itself.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return bounded_wait_s(milliseconds / 1000)
    asked = headers.get("retry-after", "")
    seconds = _number(asked)
    if seconds is not None:
        return bounded_wait_s(seconds)
    then_s, date_s = _date_s(asked), _date_s(headers.get("date", ""))
    start_s = now_s if date_s is None else date_s
    if then_s is None or start_s is None:
        return None
    return bounded_wait_s(then_s - start_s)


def bounded_wait_s(wait_s: float) -> float | None:
    """Return `wait_s` within [0, `MAX_RETRY_AFTER_S`]; None: it is no number."""
    return None if math.isnan(wait_s) else min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def presentable(message: str, secrets: Iterable[str] = ()) -> str:
    """Return `message` without `secrets`, and short enough to be handed on."""
    for secret in secrets:
        if secret:
            message = message.replace(secret, HIDDEN)
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + _CUT


def without_remains(message: str, secrets: Iterable[str]) -> str:
    """Return `message`, which may have been cut short, without the beginning of a secret at the cut."""
    kept = message.removesuffix(_CUT)
    if kept == message:
        return message
    for secret in secrets:
        left = next((n for n in range(len(secret), 0, -1) if kept.endswith(secret[:n])), 0)
        kept = kept[: len(kept) - left]
    return kept + _CUT


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _date_s(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
