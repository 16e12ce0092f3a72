"""Percentiles from counts.

Times fall into buckets that grow by the eighth root of e, so a percentile is told within 7 %, however many
calls there were.
"""

import math
from collections.abc import Mapping

_FINENESS = 8
_LEAST_S = 1e-4
_LAST = 170
"""The bucket of everything above some two days."""


def bucket(seconds: float) -> int:
    """Return the bucket of a time."""
    if seconds <= _LEAST_S:
        return 0
    return min(int(_FINENESS * math.log(seconds / _LEAST_S)) + 1, _LAST)


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the time in seconds within which a `share` (0-1) of those counted lie; None: there are none."""
    total = sum(counts.values())
    if not total:
        return None
    rank = max(1, math.ceil(share * total))
    for each in sorted(counts):
        rank -= counts[each]
        if rank <= 0:
            return _middle_s(each)
    raise AssertionError("the share is above 1")


def _middle_s(bucket_: int) -> float:
    return _LEAST_S if bucket_ == 0 else _LEAST_S * math.exp((bucket_ - 0.5) / _FINENESS)
