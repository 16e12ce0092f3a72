"""What a call wants of limits, in the words of the scripts; and what they answer."""

import math
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

import attrs

from domain.model.errors import LimitExceeded
from domain.policy.limits import (
    Limit,
    LimitKind,
    Need,
    Reservation,
    Shortage,
    amount,
    refusal,
)

_KINDS = {
    LimitKind.REQUESTS_PER_MINUTE: "starts",
    LimitKind.TOKENS_PER_MINUTE: "tokens",
    LimitKind.PARALLEL_CALLS: "slots",
    LimitKind.BUDGET_PER_DAY: "day",
    LimitKind.BUDGET_PER_MONTH: "month",
}


@lru_cache(maxsize=10_000)
def name_of(subject: str, kind: LimitKind) -> str:
    """Return what a limit is called in Redis: its kind, and its subject without spaces."""
    return f"{_KINDS[kind]}:{quote(subject, safe=':/*@')}"


@attrs.frozen(eq=False)
class Claim:
    """What a call wants of one limit."""

    name: str
    limit: Limit
    amount: int


@attrs.define(eq=False)
class Held:
    """A call and what it may hold in Redis.

    Attributes:
        id: The reservation's; made before it is asked for.
        asked: Whether Redis may hold something for it.
        taken_s: When it surely did, on the clock of the event loop.
    """

    id: str
    claims: Sequence[Claim]
    reservation: Reservation
    asked: bool = False
    taken_s: float | None = None

    def settling(self) -> tuple[str, str, int, int]:
        """Return the words that settle it."""
        used = self.reservation.used
        return self.id, "1" if self.taken_s is None else "0", used.tokens, used.nano_usd

    def announcing(self, now_s: float) -> tuple[str, int, str]:
        """Return the words that tell a Redis that has forgotten it."""
        taken_s = now_s if self.taken_s is None else self.taken_s
        wanted = "".join(f" {each.name} {each.limit.most} {each.amount}" for each in self.claims)
        return self.id, round((now_s - taken_s) * 1e6), wanted


def held(identity: str, limits: Sequence[Limit], need: Need) -> Held:
    """Return a call that holds nothing yet."""
    claims = [
        Claim(name_of(limit.subject, limit.kind), limit, amount(limit, need)) for limit in limits
    ]
    return Held(identity, claims, Reservation(need))


def refused(claims: Sequence[Claim], answer: Sequence[int]) -> LimitExceeded:
    """Return the failure that `answer` means.

    It has three numbers for each limit: index, hopeless, and time until the next try (0: never).
    """
    return refusal(
        [
            Shortage(
                limit=claims[index].limit,
                amount=claims[index].amount,
                hopeless=bool(hopeless),
                # Rounded up to what every client keeps of it.
                retry_after_s=math.ceil(promise_us / 1_000) / 1_000 if promise_us else None,
            )
            for index, hopeless, promise_us in zip(
                answer[::3], answer[1::3], answer[2::3], strict=True
            )
        ]
    )
