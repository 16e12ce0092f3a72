"""From the settings to the price book."""

from collections.abc import Mapping
from decimal import Decimal

from adapters.prices.book import LOCAL, SETTINGS, PriceBook, Pricing
from adapters.prices.reported import openrouter
from adapters.prices.snapshot import Listing, per_million
from domain.policy.price import Price, Rate
from entrypoints.settings.compatible import CompatibleSettings
from entrypoints.settings.native import NATIVE_KINDS, NativeSettings
from entrypoints.settings.prices import PriceSettings
from entrypoints.settings.providers import ProviderSettings
from entrypoints.settings.tree import Settings

_LISTED: Mapping[str, str] = {"gemini": "google"}
"""What the price list calls a provider, where that is another word."""


def price_book(settings: Settings) -> PriceBook:
    """Return what models cost under `settings`."""
    offered = {kind: NativeSettings(kind=kind) for kind in NATIVE_KINDS}
    pricings = {
        name: _pricing(configured) for name, configured in {**offered, **settings.providers}.items()
    }
    if settings.local.enabled:
        pricings["local"] = Pricing(fixed=LOCAL)
    return PriceBook(pricings, {glob: price_of(each) for glob, each in settings.prices.items()})


def _pricing(configured: ProviderSettings) -> Pricing:
    if isinstance(configured, NativeSettings):
        kind = configured.kind
        return Pricing(
            listing=Listing(provider_id=_LISTED.get(kind, kind)),
            reported=openrouter if kind == "openrouter" else None,
        )
    if isinstance(configured, CompatibleSettings):
        return Pricing(listing=Listing(base_url=configured.base_url))
    return Pricing()


def price_of(settings: PriceSettings) -> Price:
    """Return the price that `settings` say."""
    return Price(
        input=_rate(settings.input_usd),
        output=_rate(settings.output_usd),
        cache_read=_optional_rate(settings.cache_read_usd),
        cache_write=_optional_rate(settings.cache_write_usd),
        cache_write_1h=_optional_rate(settings.cache_write_1h_usd),
        call_nano_usd=int(_decimal(settings.call_usd).scaleb(9).to_integral_value()),
        version=SETTINGS,
    )


def _rate(usd: float) -> Rate:
    return Rate(per_million(_decimal(usd)))


def _optional_rate(usd: float | None) -> Rate | None:
    return None if usd is None else _rate(usd)


def _decimal(usd: float) -> Decimal:
    # By its text: 0.1 is a tenth, as it was written.
    return Decimal(str(usd))
