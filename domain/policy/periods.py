"""Periods of the calendar for which there are budgets, in UTC."""

import calendar
import time
from collections.abc import Callable

import attrs


@attrs.frozen
class Period:
    """A stretch of the calendar, in UTC.

    Attributes:
        start_s: Gives the Unix time at which the period of a Unix time began.
        least_s: It is never shorter, in seconds.
        most_s: It is never longer.
    """

    start_s: Callable[[float], int]
    least_s: int
    most_s: int

    def next_s(self, wall_s: float) -> int:
        """Return the Unix time at which the period after that of `wall_s` begins."""
        # The length of the longest, counted from its start, ends in the next one.
        return self.start_s(self.start_s(wall_s) + self.most_s)


def _day_start_s(wall_s: float) -> int:
    return int(wall_s // 86_400) * 86_400


def _month_start_s(wall_s: float) -> int:
    now = time.gmtime(wall_s)
    return calendar.timegm((now.tm_year, now.tm_mon, 1, 0, 0, 0))


DAY = Period(_day_start_s, 86_400, 86_400)
MONTH = Period(_month_start_s, 28 * 86_400, 31 * 86_400)
