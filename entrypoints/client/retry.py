"""Whether, and when, a call that failed is sent again: a decision, as a function of what is known.

Laws: only what delivered nothing is sent again. What the server did nothing for, by HTTP/2's own law (it
refused the stream, or left before it), is sent again at once and without being asked for. Any other failure
only if it is UNAVAILABLE, the caller asked for retries, and the wait fits into the call's time. What the
server has asked a provider for it has tried again itself, where that helps: it is sent again only where the
server says when, since two loops, one in the other, would be many times the load.
Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
"""

import math

import attrs
from purerpc import StatusCode

from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb.llm_service_pb2 import ATTEMPT_OUTCOME_SKIPPED_COOLDOWN

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_TRANSPARENT = 3


@attrs.frozen
class Tried:
    """What a call has cost so far.

    Attributes:
        transparent: Times it was sent again although nobody asked for retries.
        asked: Times it was sent again because the caller asked for that.
    """

    transparent: int = 0
    asked: int = 0


@attrs.frozen
class Again:
    """Send it again in `pause_s` seconds; `tried` is then true."""

    pause_s: float
    tried: Tried


def again(
    failure: CallFailed, tried: Tried, *, retries: int, left_s: float, chance: float
) -> Again | None:
    """Return when to send a call again that failed before it delivered anything; None: not at all.

    Args:
        failure: How it failed.
        tried: What was tried before.
        retries: How often the caller allows that.
        left_s: Of the call's time, in seconds.
        chance: From 0 to 1, so that those who failed together do not return together.
    """
    if failure.unprocessed and tried.transparent < _TRANSPARENT:
        pause_s = _backoff_s(tried.transparent - 1, chance) if tried.transparent else 0.0
        decided = Again(pause_s, attrs.evolve(tried, transparent=tried.transparent + 1))
    elif _is_ours(failure) and tried.asked < retries:
        told = failure.retry_after_s
        pause_s = _backoff_s(tried.asked, chance) if told is None else told
        decided = Again(pause_s, attrs.evolve(tried, asked=tried.asked + 1))
    else:
        return None
    return decided if decided.pause_s < left_s or left_s == math.inf else None


def _is_ours(failure: CallFailed) -> bool:
    """Return whether `failure` may pass, and is not the server's to try again."""
    tried = any(each.outcome != ATTEMPT_OUTCOME_SKIPPED_COOLDOWN for each in failure.attempts)
    return failure.code is StatusCode.UNAVAILABLE and (
        not tried or failure.retry_after_s is not None
    )


def _backoff_s(times: int, chance: float) -> float:
    longest_s: float = min(_FIRST_PAUSE_S * 2.0 ** min(times, 16), _LONGEST_PAUSE_S)
    return longest_s * (0.5 + chance / 2)
