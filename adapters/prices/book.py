"""All prices: what the settings say goes before what the provider reports, and that before the price list."""

import math
import time
from collections.abc import Callable, Container, Mapping
from fnmatch import fnmatchcase
from typing import TypeAlias

import anyio.to_thread
import attrs

from adapters.prices.snapshot import Listing, PriceList, load_snapshot
from domain.model.usage import Usage
from domain.policy.price import FREE, Price, cost_nano_usd, plain_nano_usd
from ports.prices import Cost

FRESH_S = 900.0
"""How long a price that was looked up holds: some change with the time of day."""

MOST_PRICES = 4_096
"""Callers choose the models' names, so what is remembered of them is bounded."""

LOCAL = Price(input=FREE, output=FREE, version="local")
"""Of a model that runs in this process."""

SETTINGS = "settings"
"""The version of the prices that the settings say."""

_UNKNOWN: tuple[float, Price | None] = (-math.inf, None)

Reported: TypeAlias = Callable[[Usage], Cost | None]


@attrs.frozen(kw_only=True)
class Pricing:
    """How one provider's prices are found, in this order; what is not given is passed over.

    Attributes:
        reported: Finds what the provider itself says that the call cost.
        fixed: Of all its models.
        listing: Where it is in the price list.
    """

    reported: Reported | None = None
    fixed: Price | None = None
    listing: Listing | None = None


def _listed(pricings: Mapping[str, Pricing]) -> Container[str]:
    return frozenset(name for name, each in pricings.items() if each.listing is not None)


@attrs.define(eq=False)
class PriceBook:
    """Knows what models cost; see `ports.prices.Prices`.

    Attributes:
        pricings: By provider's name.
        overrides: By glob of ``provider/model``; the first that fits counts.
        load: Gives the price list; blocks.
        wall_clock: Seconds since the Unix epoch.
        unprepared: Who is in the price list, until that is loaded.
    """

    pricings: Mapping[str, Pricing]
    overrides: Mapping[str, Price] = attrs.field(factory=dict)
    load: Callable[[], PriceList] = load_snapshot
    wall_clock: Callable[[], float] = time.time
    unprepared: Container[str] = attrs.field(
        init=False, default=attrs.Factory(lambda self: _listed(self.pricings), takes_self=True)
    )
    _list: PriceList | None = None
    _loading: anyio.Lock = attrs.field(factory=anyio.Lock)
    _known: dict[tuple[str, str], tuple[float, Price | None]] = attrs.field(factory=dict)

    async def prepare(self, provider: str, /) -> None:
        """Load the price list, if `provider` is in it and nobody has."""
        if provider not in self.unprepared:
            return
        async with self._loading:
            if self._list is None:  # pragma: no branch - Python 3.11 hides this way out
                self._list = await anyio.to_thread.run_sync(self.load)
                self.unprepared = ()

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        """Return what `usage` of a model costs, or None if its price is not known."""
        price = self._price(provider, model)
        if price is None or price.version != SETTINGS:
            reported = self._reported(provider, usage)
            if reported is not None:
                return reported
        nano_usd = None if price is None else cost_nano_usd(price, usage)
        return None if price is None or nano_usd is None else Cost(nano_usd, price.version)

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        """Return what a call with so many tokens may cost, or None if its price is not known."""
        # As `_price` begins, without a call of a function for every call.
        until_s, known = self._known.get((provider, model), _UNKNOWN)
        price = known if self.wall_clock() < until_s else self._price(provider, model)
        return None if price is None else plain_nano_usd(price, input_tokens, output_tokens)

    def _reported(self, provider: str, usage: Usage) -> Cost | None:
        pricing = self.pricings.get(provider)
        return None if pricing is None or pricing.reported is None else pricing.reported(usage)

    def _price(self, provider: str, model: str) -> Price | None:
        now_s = self.wall_clock()
        until_s, known = self._known.get((provider, model), _UNKNOWN)
        if now_s < until_s:
            return known
        price = self._found(provider, model, now_s)
        if len(self._known) >= MOST_PRICES:
            self._known.clear()
        if self._list is not None or price is not None:
            self._known[provider, model] = (now_s + FRESH_S, price)
        return price

    def _found(self, provider: str, model: str, now_s: float) -> Price | None:
        name = f"{provider}/{model}"
        for glob, price in self.overrides.items():
            if fnmatchcase(name, glob):
                return price
        pricing = self.pricings.get(provider)
        if pricing is None or pricing.fixed is not None:
            return None if pricing is None else pricing.fixed
        if pricing.listing is None or self._list is None:
            return None
        return self._list.price(pricing.listing, model, now_s)
