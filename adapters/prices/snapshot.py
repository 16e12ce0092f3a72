"""The price list of the package genai-prices, as it was released: no network.

Importing it takes over half a second and 14 MiB, so it is done in a thread, when the first price is needed.

Source: https://github.com/pydantic/genai-prices
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Protocol

import attrs

from domain.policy.price import Price, Rate

PACKAGE = "genai-prices"


@attrs.frozen(kw_only=True)
class Listing:
    """Where a provider's prices are in the list; one of the two says it.

    Attributes:
        provider_id: As the list calls it.
        base_url: The provider's address, by which the list knows it.
    """

    provider_id: str | None = None
    base_url: str | None = None


class PriceList(Protocol):
    """A price list."""

    def price(self, listing: Listing, model: str, wall_s: float) -> Price | None:
        """Return the price of `model` at a Unix time, or None if it is not listed."""
        ...


@attrs.frozen
class Snapshot:
    """The released price list.

    Attributes:
        find: Finds a model's prices at a time.
        version: The package and its release.
    """

    find: Callable[[Listing, str, datetime], object | None]
    version: str

    def price(self, listing: Listing, model: str, wall_s: float) -> Price | None:
        """Return the price of `model` at a Unix time, or None if it is not listed."""
        found = self.find(listing, model, datetime.fromtimestamp(wall_s, UTC))
        return None if found is None else price_of(found, self.version)


def load_snapshot() -> Snapshot:
    """Import the price list; blocks."""
    # Late: see the module's header.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    snapshot = get_snapshot()

    def find(listing: Listing, model: str, at: datetime) -> object | None:
        try:
            _, found = snapshot.find_provider_model(
                model, None, listing.provider_id, listing.base_url
            )
        except LookupError:
            return None
        return found.get_prices(at)

    return Snapshot(find, f"{PACKAGE} {version(PACKAGE)}")


def price_of(listed: object, list_version: str) -> Price | None:
    """Return a price as the list has it; None: tokens are not what is paid for."""
    rates = {name: _rate(getattr(listed, name, None)) for name in _NAMES}
    if rates["input_mtok"] is None:
        return None
    per_thousand_calls = getattr(listed, "requests_kcount", None)
    return Price(
        input=rates["input_mtok"],
        output=rates["output_mtok"],
        cache_read=rates["cache_read_mtok"],
        cache_write=rates["cache_write_mtok"],
        cache_write_1h=rates["cache_write_1h_mtok"],
        call_nano_usd=int(per_thousand_calls * 1_000_000)
        if isinstance(per_thousand_calls, Decimal)
        else 0,
        version=list_version,
    )


_NAMES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok")


def _rate(listed: object) -> Rate | None:
    """Return a rate that is listed in US dollars per million tokens, plain or with steps."""
    if listed is None:
        return None
    if isinstance(listed, Decimal):
        return Rate(per_million(listed))
    base = getattr(listed, "base", None)
    if not isinstance(base, Decimal):
        return None
    steps = tuple((step.start, per_million(step.price)) for step in getattr(listed, "tiers", ()))
    return Rate(per_million(base), steps)


def per_million(usd: Decimal) -> int:
    """Return US dollars per million tokens as 1e-15 US dollars per token."""
    return int(usd.scaleb(9).to_integral_value())
