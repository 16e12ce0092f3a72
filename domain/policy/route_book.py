"""What is known of every route: whether it works, which of its keys rest, how fast it is.

A route is a provider and a model; each of the provider's keys is a lane of it. A breaker is the route's,
since a server does not fail for one key alone; a rest is a lane's, or its whole key's. Laws: memory is
bounded; who begins a visit ends it, whatever happened; what nothing is wrong with costs next to nothing.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import attrs

from domain.model.errors import ErrorReason
from domain.model.usage import Attempt
from domain.policy.breaker import TRIPPING, Breaker, BreakerRules, BreakerState
from domain.policy.cooldown import CooldownRules, Rest, later, rest
from domain.policy.route_state import FREE, RESTING, RouteState, Standing
from domain.policy.routing import Pace

MAX_ROUTES = 4_096
"""Routes that are remembered; callers can make models up. The one not asked for longest is forgotten."""
NO_KEY: tuple[str, ...] = ("",)
"""The one lane of a provider that wants no key."""

_OF_A_ROUTE_THAT_WORKS = frozenset(
    {
        ErrorReason.PROVIDER_REJECTED_REQUEST,
        ErrorReason.PROVIDER_CONTENT_BLOCKED,
        ErrorReason.CALLER_MODEL_UNKNOWN,
        ErrorReason.CALLER_INVALID_REQUEST,
    }
)
"""How a provider that works says no."""


@attrs.define(eq=False)
class _Route:
    breaker: Breaker | None
    pace: Pace = attrs.field(factory=Pace)
    rests: dict[str, Rest] = attrs.field(factory=dict)


@attrs.frozen(eq=False)
class Visit:
    """A call that goes to a route.

    Attributes:
        key: Alias of the key it shows.
        tried_anyway: Whether that key rests.
    """

    provider: str
    key: str
    tried_anyway: bool
    _route: _Route
    _begun: int


@attrs.define(eq=False)
class RouteBook:
    """Remembers how routes do. Times are on one clock that never goes back.

    Attributes:
        breaker: None: routes are never left alone.
        cooldown: None: keys never rest.
        keys: Provider's name -> aliases of its keys; one that is not there wants none.
    """

    breaker: BreakerRules | None = BreakerRules()
    cooldown: CooldownRules | None = CooldownRules()
    keys: dict[str, Sequence[str]] = attrs.field(factory=dict)
    max_routes: int = MAX_ROUTES
    _routes: "OrderedDict[tuple[str, str], _Route]" = attrs.field(factory=OrderedDict)
    _whole: dict[tuple[str, str], Rest] = attrs.field(factory=dict)
    _turns: dict[str, int] = attrs.field(factory=dict)

    def untroubled(self, provider: str, model: str) -> bool:
        """Return whether nothing at all speaks against a route, so that nobody need look at the clock."""
        if self._whole:
            return False
        route = self._routes.get((provider, model))
        return route is None or (
            not route.rests
            and (route.breaker is None or route.breaker.state is BreakerState.CLOSED)
        )

    def standing(
        self, provider: str, model: str, now_s: float, only: Sequence[str] = ()
    ) -> Standing:
        """Return whether a route can be called, by any of its keys or one of those that are named `only`."""
        route = self._routes.get((provider, model))
        if route is not None and route.breaker is not None:
            wait_s = route.breaker.wait_s(now_s)
            if wait_s:
                return Standing(wait_s, route.breaker.reason, sure=True, broken=True)
        if not self._whole and (route is None or not route.rests):
            return FREE
        rests = [self._rest(provider, key, route, now_s) for key in only or self._of(provider)]
        found = [each for each in rests if each is not None]
        if len(found) < len(rests):
            return FREE
        guesses = [each for each in found if not each.told]
        next_one = min(guesses or found, key=lambda each: each.until_s)
        return Standing(next_one.wait_s(now_s), next_one.reason, sure=not guesses)

    def lanes(
        self, provider: str, model: str, now_s: float, only: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the keys of a route as they are worth a try; not those that are known to be of no use."""
        route = self._routes.get((provider, model))
        worth = self._worth(provider, only or self._of(provider), route, now_s)
        if not self._whole and (route is None or not route.rests):
            return worth
        rests = ((key, self._rest(provider, key, route, now_s)) for key in worth)
        return tuple(key for key, found in rests if found is None or not found.told)

    def begin(self, provider: str, model: str, now_s: float, only: Sequence[str] = ()) -> Visit:
        """Take note of a call that goes to a route now, and return it with the key whose turn it is.

        It goes there whatever the route's standing; whoever begins it must `end` it. Of a route that is
        untroubled `now_s` does not matter.
        """
        route = self._routes.get((provider, model)) or self._new(provider, model)
        self._routes.move_to_end((provider, model))
        lanes = only or self.keys.get(provider) or NO_KEY
        key = lanes[0] if len(lanes) == 1 else self._worth(provider, lanes, route, now_s)[0]
        troubled = bool(self._whole or route.rests)
        tried_anyway = troubled and self._rest(provider, key, route, now_s) is not None
        route.pace.in_flight += 1
        begun = 0 if route.breaker is None else route.breaker.begin()
        return Visit(provider, key, tried_anyway, route, begun)

    def end(
        self, visit: Visit, now_s: float, attempt: Attempt | None, retry_after_s: float | None
    ) -> None:
        """Take note of how a visit ended.

        Args:
            visit: What `begin` returned.
            now_s: The moment.
            attempt: What came of it; None: the provider was not asked.
            retry_after_s: When the provider said to come back; None: it did not.
        """
        route = visit._route
        route.pace.in_flight -= 1
        if attempt is None:
            self._forget(visit)
        elif attempt.error_reason is None:
            route.pace.succeed(attempt.first_token_s, now_s)
            if route.breaker is not None:
                route.breaker.end(visit._begun, now_s, None)
            if visit.tried_anyway:
                route.rests.pop(visit.key, None)
                self._whole.pop((visit.provider, visit.key), None)
        else:
            self._judge(visit, attempt, attempt.error_reason, now_s)
            self._cool(visit, attempt.error_reason, retry_after_s, now_s)

    def score(self, provider: str, model: str, now_s: float) -> float:
        """Return how long a call is expected to take at a route; see `Pace.score`."""
        route = self._routes.get((provider, model))
        return 0.0 if route is None else route.pace.score(now_s)

    def state(self, provider: str, model: str) -> str:
        """Return the word for a route that is left alone; see `RouteState`."""
        route = self._routes.get((provider, model))
        if route is None or route.breaker is None or route.breaker.state is BreakerState.CLOSED:
            return RESTING
        return str(route.breaker.state)

    def routes(self, now_s: float) -> Iterator[RouteState]:
        """Give every route that is remembered, by each of its keys."""
        for (provider, model), route in list(self._routes.items()):
            for key in self._of(provider):
                yield self._shown(provider, model, key, route, now_s)

    def _shown(
        self, provider: str, model: str, key: str, route: _Route, now_s: float
    ) -> RouteState:
        wait_s, reason, state = 0.0, None, str(BreakerState.CLOSED)
        if route.breaker is not None:
            wait_s = route.breaker.wait_s(now_s)
            state = str(route.breaker.state)
            reason = route.breaker.reason if state != BreakerState.CLOSED else None
        resting = self._rest(provider, key, route, now_s)
        if resting is not None and state == BreakerState.CLOSED:
            wait_s, reason, state = resting.wait_s(now_s), resting.reason, RESTING
        return RouteState(
            provider=provider,
            model=model,
            key=key,
            state=state,
            wait_s=wait_s,
            reason=reason,
            first_s=route.pace.first_s,
            failing=route.pace.failing,
            in_flight=route.pace.in_flight,
        )

    def _of(self, provider: str) -> Sequence[str]:
        return self.keys.get(provider) or NO_KEY

    def _new(self, provider: str, model: str) -> _Route:
        route = _Route(None if self.breaker is None else Breaker(self.breaker))
        self._routes[provider, model] = route
        if len(self._routes) > self.max_routes:
            self._routes.popitem(last=False)
        return route

    def _worth(
        self, provider: str, lanes: Sequence[str], route: _Route | None, now_s: float
    ) -> tuple[str, ...]:
        """Return the keys in the order in which they are worth a try; it is another one's turn each time."""
        turn = self._turns.get(provider, 0) % len(lanes)
        self._turns[provider] = turn + 1
        ahead = (*lanes[turn:], *lanes[:turn])
        if not self._whole and (route is None or not route.rests):
            return ahead
        resting: dict[str, tuple[bool, float]] = {}
        for key in ahead:
            found = self._rest(provider, key, route, now_s)
            if found is not None:
                resting[key] = (found.told, found.until_s)
        free = (key for key in ahead if key not in resting)
        return (*free, *sorted(resting, key=resting.__getitem__))

    def _rest(self, provider: str, key: str, route: _Route | None, now_s: float) -> Rest | None:
        """Return how a key rests; forget what is over."""
        narrow = None if route is None else route.rests.get(key)
        if route is not None and narrow is not None and not narrow.wait_s(now_s):
            del route.rests[key]
            narrow = None
        wide = self._whole.get((provider, key))
        if wide is not None and not wide.wait_s(now_s):
            del self._whole[provider, key]
            wide = None
        return later(narrow, wide)

    def _judge(self, visit: Visit, attempt: Attempt, reason: ErrorReason, now_s: float) -> None:
        """Tell the route's breaker what a failure says of the route."""
        route = visit._route
        failure = reason if reason in TRIPPING else None
        if failure is not None:
            route.pace.fail(now_s)
        # Whoever left after the first words has seen it work.
        telling = failure or reason in _OF_A_ROUTE_THAT_WORKS or attempt.first_token_s is not None
        if route.breaker is not None and telling:
            route.breaker.end(visit._begun, now_s, failure)
        else:
            self._forget(visit)

    def _cool(
        self, visit: Visit, reason: ErrorReason, retry_after_s: float | None, now_s: float
    ) -> None:
        """Let the key rest, if that is what a failure asks for."""
        resting = None
        if self.cooldown is not None:
            resting = rest(self.cooldown, reason, retry_after_s, now_s)
        if resting is None:
            return
        if resting.whole_key:
            whole = visit.provider, visit.key
            self._whole[whole] = later(self._whole.get(whole), resting) or resting
        else:
            rests = visit._route.rests
            rests[visit.key] = later(rests.get(visit.key), resting) or resting

    @staticmethod
    def _forget(visit: Visit) -> None:
        breaker = visit._route.breaker
        if breaker is not None:
            breaker.forget(visit._begun)
