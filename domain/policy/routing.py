"""Which of several equal routes is asked first.

Randomness is an argument: numbers from 0 up to 1. What is not known of a route makes it worth a try: one
that was never asked, or not for long, comes before one that is known to be slow.
"""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

import attrs

_T = TypeVar("_T")

NEWEST = 0.2
"""Weight of the newest of the times and endings."""
FADE_S = 60.0
"""In so many seconds what is known of a route fades to a third."""
FAILING_COSTS = 10.0
"""So many times a call's time costs a route that always fails."""
UNKNOWN_S = 1.0
"""What each call that is there already counts at a route of which nothing is known."""


class Strategy(StrEnum):
    """How one of several routes is chosen."""

    ORDERED = "ordered"
    WEIGHTED = "weighted"
    FASTEST = "fastest"


@attrs.define(eq=False)
class Pace:
    """How a route has done lately.

    Attributes:
        first_s: Seconds to first content, averaged, newer ones counting more; None: never seen.
        failing: Share of failures, averaged in the same way.
        in_flight: Calls that are there now.
    """

    first_s: float | None = None
    failing: float = 0.0
    in_flight: int = 0
    _at_s: float = 0.0

    def succeed(self, first_s: float | None, now_s: float) -> None:
        """Take note of an answer, and of the seconds to its first content if it is known."""
        self.failing -= NEWEST * self.failing
        if first_s is not None:
            before = self.first_s
            self.first_s = first_s if before is None else before + NEWEST * (first_s - before)
        self._at_s = now_s

    def fail(self, now_s: float) -> None:
        """Take note of a failure."""
        self.failing += NEWEST * (1.0 - self.failing)
        self._at_s = now_s

    def score(self, now_s: float) -> float:
        """Return how long a call is expected to take there, in seconds, failures included: less is better."""
        fresh = math.exp((self._at_s - now_s) / FADE_S)
        known = 0.0 if self.first_s is None else fresh
        expected = known * (self.first_s or 0.0) * (1 + self.in_flight)
        expected += (1.0 - known) * UNKNOWN_S * self.in_flight
        return expected + FAILING_COSTS * self.failing * fresh * max(expected, UNKNOWN_S)


def weighted(
    routes: Sequence[_T], weights: Sequence[float], draw: Callable[[], float]
) -> tuple[_T, ...]:
    """Return `routes` in an order in which each is first as often as its weight says.

    What follows the first is drawn in the same way from the rest, so that a failed route's share goes to the
    others by their weights.
    """
    # Efraimidis and Spirakis: the least of exponential times, each at the rate of its weight.
    drawn = [-math.log(1.0 - draw()) / weight for weight in weights]
    return tuple(routes[place] for place in sorted(range(len(routes)), key=drawn.__getitem__))


def fastest(
    routes: Sequence[_T], scores: Sequence[float], draw: Callable[[], float]
) -> tuple[_T, ...]:
    """Return `routes`, the one with the least score first; equals in any order."""
    keys = [(score, draw()) for score in scores]
    return tuple(routes[place] for place in sorted(range(len(routes)), key=keys.__getitem__))
