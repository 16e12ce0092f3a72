"""Whether a caller left because of its deadline.

Its clock started before ours, and it tells its time rounded upwards to three digits: its own timer is first,
and its reset overtakes ours. Source: gRPC core, `timeout_encoding.cc`.
"""

TRANSIT_S = 0.05
ROUNDING = 0.01
"""Of the whole time."""


def was_due(now_s: float, start_s: float, deadline_s: float) -> bool:
    """Return whether who leaves now, after a start at `start_s`, does so because of its deadline."""
    whole_s = deadline_s - start_s
    return now_s - start_s >= whole_s * (1 - ROUNDING) - TRANSIT_S
