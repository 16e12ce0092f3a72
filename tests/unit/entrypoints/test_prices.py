"""Prices from the settings: none so high that what a call costs could not be kept."""

import math

import attrs
import pytest

from adapters.wire.lookup import count_in
from domain.model.usage import Usage
from domain.policy.price import cost_nano_usd
from entrypoints.prices import price_of
from entrypoints.settings.prices import PriceSettings

_NAMES = tuple(field.name for field in attrs.fields(PriceSettings))


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("odd", [-1.0, 10_001.0, 1e300, math.inf, math.nan])
def test_what_is_no_price_is_refused_by_its_name(name: str, odd: float) -> None:
    with pytest.raises(ValueError, match=name):
        PriceSettings(**{"input_usd": 1.0, name: odd})


def test_the_most_that_is_believed_at_the_highest_price_can_be_kept_and_summed() -> None:
    price = price_of(PriceSettings(**dict.fromkeys(_NAMES, 10_000.0)))
    most = count_in({"tokens": 10**9}, "tokens")
    usage = Usage(
        input_tokens=most,
        output_tokens=most,
        cache_read_tokens=most,
        cache_write_1h_tokens=most,
        cache_write_tokens=most,
    )
    cost = cost_nano_usd(price, usage)
    assert cost is not None
    assert 0 < cost * 100 < 2**63
