"""Which leaving is a deadline."""

import math

import pytest

from domain.policy.deadline import was_due


@pytest.mark.parametrize(
    ("now_s", "deadline_s", "due"),
    [
        (107.0, 107.0, True),
        (108.0, 107.0, True),
        # A client's reset comes a little before our own timer.
        (100.96, 101.0, True),
        (159.5, 160.0, True),
        (100.5, 101.0, False),
        (150.0, 160.0, False),
        (1e9, math.inf, False),
        # It was over before it began.
        (100.0, -math.inf, True),
    ],
)
def test_who_leaves_at_about_its_deadline_leaves_because_of_it(
    now_s: float, deadline_s: float, due: bool
) -> None:
    assert was_due(now_s, 100.0, deadline_s) is due
