"""What models cost: the settings, then the provider's own word, then the price list."""

from collections.abc import Mapping
from types import SimpleNamespace

import attrs
import pytest
import trio

from adapters.prices.book import FRESH_S, LOCAL, MOST_PRICES, SETTINGS, PriceBook, Pricing
from adapters.prices.reported import openrouter
from adapters.prices.snapshot import Listing, load_snapshot, price_of
from domain.model.json_value import JsonObject
from domain.model.usage import Usage
from domain.policy.price import Price, Rate
from entrypoints.prices import price_book
from entrypoints.settings.loading import structure
from ports.prices import Cost

USAGE = Usage(input_tokens=1_000, output_tokens=100)
LISTED = Price(input=Rate(10**9), output=Rate(10**9), version="list 1")
# 2026-11-22
NOW_S = 1_795_374_000.0


@attrs.define
class List:
    """A price list that counts how often it is read."""

    prices: Mapping[str, Price]
    asked: list[str] = attrs.field(factory=list)

    def price(self, listing: Listing, model: str, wall_s: float) -> Price | None:
        self.asked.append(model)
        return self.prices.get(model)


@attrs.define
class World:
    """A price book, its list and its clock."""

    list: List = attrs.field(factory=lambda: List({"m": LISTED}))
    loads: int = 0
    now_s: float = NOW_S

    def book(self, pricing: Pricing, **overrides: Price) -> PriceBook:
        globs = {glob.replace("_", "/"): price for glob, price in overrides.items()}
        return PriceBook({"p": pricing}, globs, self._load, lambda: self.now_s)

    def _load(self) -> List:
        self.loads += 1
        return self.list


async def test_the_list_is_read_once_and_only_for_those_who_are_in_it() -> None:
    world = World()
    book = world.book(Pricing(fixed=LOCAL))
    await book.prepare("p")
    await book.prepare("q")
    assert world.loads == 0
    assert book.cost("p", "m", USAGE) == Cost(0, "local")
    assert book.cost("q", "m", USAGE) is None

    listed = world.book(Pricing(listing=Listing(provider_id="x")))
    assert listed.cost("p", "m", USAGE) is None, "not loaded, so not known, and not remembered"
    await listed.prepare("p")
    await listed.prepare("p")
    assert world.loads == 1
    assert listed.cost("p", "m", USAGE) == Cost(1_100_000, "list 1")
    assert listed.cost("p", "m", USAGE) == Cost(1_100_000, "list 1")
    assert listed.cost("p", "unknown", USAGE) is None
    assert listed.cost("p", "unknown", USAGE) is None
    assert world.list.asked == ["m", "unknown"]


async def test_a_price_is_looked_up_again_after_a_while() -> None:
    world = World()
    book = world.book(Pricing(listing=Listing(provider_id="x")))
    await book.prepare("p")
    book.cost("p", "m", USAGE)
    world.now_s += FRESH_S
    book.cost("p", "m", USAGE)
    assert world.list.asked == ["m", "m"]


async def test_names_that_callers_make_up_do_not_fill_the_memory() -> None:
    world = World()
    book = world.book(Pricing(listing=Listing(provider_id="x")))
    await book.prepare("p")
    for number in range(MOST_PRICES + 10):
        book.cost("p", f"m{number}", USAGE)
    assert len(book._known) <= MOST_PRICES


async def test_what_a_call_may_cost_is_what_its_tokens_cost_without_a_cache() -> None:
    book = World().book(Pricing(listing=Listing(provider_id="x")))
    assert book.bound_nano_usd("p", "m", 1_000, 100) is None
    await book.prepare("p")
    assert book.bound_nano_usd("p", "m", 1_000, 100) == 1_100_000
    assert book.bound_nano_usd("p", "unknown", 1_000, 100) is None


def test_the_settings_go_before_everything() -> None:
    ours = Price(input=Rate(5 * 10**9), output=Rate(0), version=SETTINGS)
    told = attrs.evolve(USAGE, raw={"cost": 1})
    book = World().book(Pricing(reported=openrouter, fixed=LOCAL), **{"p_m*": ours})
    assert book.cost("p", "m1", told) == Cost(5_000_000, SETTINGS)
    assert book.cost("p", "x", told) == Cost(10**9, "openrouter")
    assert book.cost("p", "x", USAGE) == Cost(0, "local")


@pytest.mark.parametrize(
    ("raw", "nano_usd"),
    [
        ({"cost": 0.00114}, 1_140_000),
        ({"cost": 0}, 0),
        ({"cost": "1e-06"}, 1_000),
        (
            {"cost": 0.0000005, "is_byok": False, "cost_details": {"upstream_inference_cost": 9}},
            500,
        ),
        ({"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.95}}, 10**9),
        (
            {"cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": None}},
            5 * 10**7,
        ),
        ({"cost": None}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": float("nan")}, None),
        ({"cost": "x"}, None),
        ({"cost": 10**9}, None),
        ({}, None),
    ],
)
def test_what_openrouter_says_is_believed_if_it_is_money(
    raw: JsonObject, nano_usd: int | None
) -> None:
    cost = openrouter(attrs.evolve(USAGE, raw=raw))
    assert cost == (None if nano_usd is None else Cost(nano_usd, "openrouter"))


def test_without_its_own_usage_openrouter_says_nothing() -> None:
    assert openrouter(USAGE) is None


def test_prices_that_are_not_for_tokens_are_none() -> None:
    assert price_of(object(), "v") is None


async def test_the_released_list_prices_the_great_providers() -> None:
    book = price_book(
        structure(
            {
                "prices": {
                    "compatible/*": {"input_usd": 0.1, "output_usd": 0.3, "call_usd": 0.001}
                },
                "providers": {
                    "groq": {"kind": "compatible", "base_url": "https://api.groq.com/openai/v1"},
                    "mine": {"kind": "compatible", "base_url": "http://127.0.0.1:1/v1"},
                    "compatible": {"kind": "compatible", "base_url": "http://127.0.0.1:1/v1"},
                    "play": {"kind": "scripted", "models": {"a": []}},
                },
            }
        )
    )
    book.wall_clock = lambda: NOW_S
    cached = Usage(input_tokens=10_000, output_tokens=500, cache_read_tokens=8_000)
    written = Usage(
        input_tokens=10_000,
        output_tokens=100,
        cache_read_tokens=1_000,
        cache_write_tokens=6_000,
        cache_write_5m_tokens=4_000,
        cache_write_1h_tokens=2_000,
    )
    expected = {
        # 2,000 x 1.25 + 8,000 x 0.125 + 500 x 10, in US dollars per million
        ("openai", "gpt-5"): (cached, 2_500_000 + 1_000_000 + 5_000_000),
        # 3,000 x 3 + 1,000 x 0.3 + 4,000 x 3.75 + 2,000 x 6 + 100 x 15
        ("anthropic", "claude-sonnet-4-5-20250929"): (
            written,
            9_000_000 + 300_000 + 15_000_000 + 12_000_000 + 1_500_000,
        ),
        # 2,000 x 0.3 + 8,000 x 0.03 + 500 x 2.5
        ("gemini", "gemini-2.5-flash"): (cached, 600_000 + 240_000 + 1_250_000),
        ("openrouter", "anthropic/claude-sonnet-4.5"): (
            attrs.evolve(cached, raw={"cost": 0.0123}),
            12_300_000,
        ),
        # 1,000 x 0.59 + 100 x 0.79
        ("groq", "llama-3.3-70b-versatile"): (USAGE, 590_000 + 79_000),
        # 1,000 x 0.1 + 100 x 0.3 + 0.001 for the call
        ("compatible", "any"): (USAGE, 100_000 + 30_000 + 1_000_000),
        ("local", "any"): (USAGE, 0),
        ("mine", "gpt-4o"): (USAGE, None),
        ("openai", "no-such-model"): (USAGE, None),
        ("play", "a"): (USAGE, None),
    }
    for (provider, model), (usage, nano_usd) in expected.items():
        await book.prepare(provider)
        cost = book.cost(provider, model, usage)
        assert (None if cost is None else cost.nano_usd) == nano_usd, (provider, model)
    listed = book.cost("openai", "gpt-5", USAGE)
    assert listed is not None
    assert listed.price_version == load_snapshot().version
    assert listed.price_version.startswith("genai-prices ")


async def test_many_who_want_the_first_price_at_once_read_the_list_once() -> None:
    world = World()
    book = world.book(Pricing(listing=Listing(provider_id="p")))
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(book.prepare, "p")
    assert world.loads == 1


def test_a_rate_in_words_that_nobody_knows_is_no_price() -> None:
    listed = SimpleNamespace(input_mtok=SimpleNamespace(base="a lot"))
    assert price_of(listed, "list 1") is None
