"""How a route does, in a few words: for those who choose among routes, and for those who watch."""

import attrs

from domain.model.errors import ErrorReason

RESTING = "resting"


@attrs.frozen(kw_only=True)
class RouteState:
    """One lane of one route, as others may see it.

    Attributes:
        key: The key's alias; empty: the provider wants none.
        state: ``closed``, ``open`` or ``half_open``, as the breaker is, else ``resting``, as the key is.
        wait_s: How long it is left alone yet; 0: it may be called.
        reason: What failed last, where it is left alone.
        first_s: Seconds to first content, averaged; None: not known.
        failing: Share of calls that fail, averaged.
        in_flight: Calls that the route has now, over all keys.
    """

    provider: str
    model: str
    key: str
    state: str
    wait_s: float
    reason: ErrorReason | None
    first_s: float | None
    failing: float
    in_flight: int


@attrs.frozen
class Standing:
    """Whether a route can be called.

    Attributes:
        wait_s: How long it is left alone yet; 0: it may be called.
        reason: What failed last; None: nothing is wrong.
        sure: Whether it is known to be of no use before; where not, it may be tried for want of a better.
        broken: Whether it is the route that fails, and not its keys that rest.
    """

    wait_s: float = 0.0
    reason: ErrorReason | None = None
    sure: bool = False
    broken: bool = False

    @property
    def free(self) -> bool:
        """Whether nothing speaks against it."""
        return self.wait_s <= 0.0


FREE = Standing()
