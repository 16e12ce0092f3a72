"""How fast tokens come, over all answers: what is on its way counts as it comes, not when it has ended."""

from collections import deque

import attrs

_SPAN_S = 10.0
_MOST = 64


@attrs.define(eq=False)
class Pace:
    """Looks at a count that only grows, and says how fast it does; as good as it is looked at often."""

    _seen: deque[tuple[float, int]] = attrs.field(factory=lambda: deque(maxlen=_MOST))

    def per_s(self, now_s: float, count: int) -> float | None:
        """Return how much `count` has grown a second, lately; None: it has not been looked at before."""
        seen = self._seen
        while len(seen) > 1 and seen[1][0] <= now_s - _SPAN_S:
            seen.popleft()
        rate = None
        if seen:
            since_s, before = seen[0]
            if now_s - since_s >= 0.5:
                rate = (count - before) / (now_s - since_s)
        if not seen or now_s - seen[-1][0] >= 0.5:
            seen.append((now_s, count))
        return rate
