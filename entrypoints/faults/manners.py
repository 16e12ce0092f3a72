"""How often a call may be tried, where else, and what must come of a fault that goes away: more of the table.

The manners beside `ONCE` are tried with one format: what a failure means is said by `ONCE`, in all of them.
"""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from domain.model.call import Delivery


class Help(StrEnum):
    """What helps a call that met a fault."""

    FINE = "fine"
    """It needs no help."""
    AGAIN = "again"
    """The same request, a little later."""
    RESEND = "resend"
    """The same, but the provider may have worked for us already: only for callers who want it."""
    RESTART = "restart"
    """Part of the answer was delivered: only for callers who can take it back."""
    ELSEWHERE = "elsewhere"
    """Another provider alone."""
    NOTHING = "nothing"


class Manner(StrEnum):
    """How a call is made."""

    ONCE = "once"
    AGAIN = "again"
    EVER = "ever"
    FALLBACK = "fallback"
    RESEND = "resend"


@attrs.frozen(kw_only=True)
class Trial:
    """How a call of one manner is made.

    Attributes:
        kinds: Of the providers that it is tried with; empty: all.
        faults: That it is tried with; empty: all.
        max_attempts: The call's own.
        fails: How often the provider fails before it answers well; 0: always.
        fallback: Whether there is another provider, which answers well.
        resend: Whether the caller wants accepted requests sent again, and answers that broke off begun anew.
    """

    kinds: tuple[str, ...] = ("openai",)
    faults: tuple[str, ...] = ()
    max_attempts: int = 3
    fails: int = 0
    fallback: bool = False
    resend: bool = False


@attrs.frozen
class End:
    """How a call ends that is helped."""

    attempts: int
    served: bool = True
    restarts: int = 0


TRIALS: Mapping[Manner, Trial] = {
    Manner.ONCE: Trial(kinds=(), max_attempts=1),
    Manner.AGAIN: Trial(fails=2),
    Manner.EVER: Trial(
        faults=("status_429_retry_after", "status_500", "refused", "closed_without_answer")
    ),
    Manner.FALLBACK: Trial(fallback=True),
    Manner.RESEND: Trial(fails=1, resend=True),
}
ENDS: Mapping[Manner, Mapping[Help, End]] = {
    Manner.ONCE: {},
    Manner.AGAIN: {Help.AGAIN: End(3)},
    Manner.EVER: {Help.AGAIN: End(3, served=False)},
    Manner.FALLBACK: {Help.AGAIN: End(2), Help.ELSEWHERE: End(2)},
    Manner.RESEND: {
        Help.AGAIN: End(2),
        Help.RESEND: End(2),
        Help.RESTART: End(2, restarts=1),
    },
}
"""By manner and help; what is not here ends as the first attempt ended."""
NEVER_HEALS = frozenset({"refused"})
"""Faults of an address, at which nobody answers well the next time."""

_HELPS: Mapping[str, Help] = {
    "healthy": Help.FINE,
    "status_429": Help.AGAIN,
    "status_429_retry_after": Help.AGAIN,
    "status_529": Help.AGAIN,
    "status_500": Help.AGAIN,
    "status_502_page": Help.AGAIN,
    "status_503": Help.AGAIN,
    "status_503_empty": Help.AGAIN,
    "status_401": Help.ELSEWHERE,
    "status_402": Help.ELSEWHERE,
    "quota_used_up": Help.ELSEWHERE,
    "status_400": Help.NOTHING,
    "model_unknown": Help.ELSEWHERE,
    "status_404_empty": Help.ELSEWHERE,
    "status_404_page": Help.ELSEWHERE,
    "redirect": Help.ELSEWHERE,
    "error_body_without_end": Help.AGAIN,
    "refused": Help.AGAIN,
    "closed_without_answer": Help.AGAIN,
    "no_http": Help.AGAIN,
    "head_without_end": Help.AGAIN,
    "silent": Help.AGAIN,
    "silent_after_head": Help.RESEND,
    "only_comments": Help.RESEND,
    "stall_in_content": Help.RESTART,
    "comments_in_content": Help.RESTART,
    "stall_before_finish": Help.RESTART,
    "stall_after_end": Help.FINE,
    "slow_but_alive": Help.FINE,
    "cut_before_content": Help.RESEND,
    "cut_in_content": Help.RESTART,
    "cut_in_json": Help.RESTART,
    "cut_after_content": Help.RESTART,
    "cut_after_end": Help.FINE,
    "ends_in_content": Help.RESTART,
    "ends_in_json": Help.RESTART,
    "empty": Help.RESEND,
    "error_in_200": Help.AGAIN,
    "error_after_content": Help.RESTART,
    "garbage": Help.RESEND,
    "garbage_in_content": Help.RESTART,
    "page_in_200": Help.RESEND,
    "wrong_content_type": Help.FINE,
    "other_delivery": Help.FINE,
    "compressed_unasked": Help.RESEND,
    "line_without_end": Help.RESEND,
    "duplicate_end": Help.FINE,
    "usage_missing": Help.FINE,
    "usage_zero": Help.FINE,
}
# Nothing of a whole answer is delivered before its end.
_OF_WHOLE: Mapping[str, Help] = {
    "stall_in_content": Help.RESEND,
    "stall_after_end": Help.RESEND,
    "cut_in_content": Help.RESEND,
    "cut_after_end": Help.RESEND,
    "ends_in_content": Help.RESEND,
    "other_delivery": Help.RESEND,
}


def help_for(fault: str, delivery: Delivery) -> Help:
    """Return what helps against `fault`."""
    usual = _HELPS[fault]
    return _OF_WHOLE.get(fault, usual) if delivery is Delivery.WHOLE else usual
