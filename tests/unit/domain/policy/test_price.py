"""What usage costs, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model.usage import Usage
from domain.policy.price import FREE, Price, Rate, cost_nano_usd, plain_nano_usd

# US dollars per million tokens: 3 in, 15 out, 0.30 read, 3.75 written for 5 minutes, 6 for an hour.
SONNET = Price(
    input=Rate(3_000_000_000, ((200_000, 6_000_000_000),)),
    output=Rate(15_000_000_000, ((200_000, 22_500_000_000),)),
    cache_read=Rate(300_000_000),
    cache_write=Rate(3_750_000_000),
    cache_write_1h=Rate(6_000_000_000),
    version="list 1",
)
PLAIN = Price(input=Rate(1_000_000_000), output=Rate(2_000_000_000), version="list 1")


@pytest.mark.parametrize(
    ("price", "usage", "nano_usd"),
    [
        # 1,000 x 3,000 + 100 x 15,000
        (SONNET, Usage(input_tokens=1_000, output_tokens=100), 4_500_000),
        # 700 x 3,000 + 200 x 300 + 100 x 3,750 + 50 x 15,000
        (
            SONNET,
            Usage(
                input_tokens=1_000, output_tokens=50, cache_read_tokens=200, cache_write_tokens=100
            ),
            2_100_000 + 60_000 + 375_000 + 750_000,
        ),
        # 30 of the 100 written for an hour
        (
            SONNET,
            Usage(
                input_tokens=100,
                output_tokens=0,
                cache_write_tokens=100,
                cache_write_5m_tokens=70,
                cache_write_1h_tokens=30,
            ),
            70 * 3_750 + 30 * 6_000,
        ),
        # the parts without their sum
        (
            SONNET,
            Usage(
                input_tokens=100,
                output_tokens=0,
                cache_write_5m_tokens=70,
                cache_write_1h_tokens=30,
            ),
            70 * 3_750 + 30 * 6_000,
        ),
        # over a step every token has the step's price
        (SONNET, Usage(input_tokens=200_000, output_tokens=1), 600_000_000 + 15_000),
        (SONNET, Usage(input_tokens=200_001, output_tokens=1), 1_200_006_000 + 22_500),
        # without prices of their own, cached tokens cost what input costs
        (PLAIN, Usage(input_tokens=10, output_tokens=1, cache_read_tokens=5), 12_000),
        (PLAIN, Usage(input_tokens=10, output_tokens=1, cache_write_tokens=5), 12_000),
        # a source that counts the cache beside the input pays for the cache, and for nothing twice
        (SONNET, Usage(input_tokens=1, output_tokens=0, cache_read_tokens=10), 3_000),
        (Price(input=Rate(1), output=None, version="x"), Usage(input_tokens=499_999), 0),
        (Price(input=Rate(1), output=None, version="x"), Usage(input_tokens=500_000), 1),
        (
            Price(input=FREE, output=FREE, call_nano_usd=7, version="x"),
            Usage(input_tokens=5, output_tokens=5),
            7,
        ),
    ],
)
def test_cost_is_what_one_works_out_by_hand(price: Price, usage: Usage, nano_usd: int) -> None:
    assert cost_nano_usd(price, usage) == nano_usd


@pytest.mark.parametrize(
    ("price", "usage"),
    [
        (PLAIN, Usage(output_tokens=5)),
        (Price(input=Rate(1), output=None, version="x"), Usage(input_tokens=1, output_tokens=1)),
        (PLAIN, Usage(input_tokens=9, output_tokens=1, cache_write_1h_tokens=3)),
    ],
)
def test_what_cannot_be_priced_has_no_cost(price: Price, usage: Usage) -> None:
    assert cost_nano_usd(price, usage) is None


@given(
    total=st.integers(0, 10**7),
    parts=st.tuples(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7)),
    output=st.integers(0, 10**6),
)
def test_a_cache_never_makes_a_call_dearer_than_all_of_it_written_and_never_free(
    total: int, parts: tuple[int, int, int], output: int
) -> None:
    read = min(parts[0], total)
    written = min(parts[1], total - read)
    usage = Usage(
        input_tokens=total,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=min(parts[2], written),
    )
    cost = cost_nano_usd(SONNET, usage)
    least = (total * 300_000_000 + output * 15_000_000_000) // 1_000_000
    most = (total * 6_000_000_000 + output * 22_500_000_000) // 1_000_000 + 1
    assert cost is not None
    assert least <= cost <= most


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from((SONNET, PLAIN, Price(input=Rate(1), output=None, version="x"))),
)
def test_what_a_call_may_cost_is_what_it_costs_without_a_cache(
    into: int, out: int, price: Price
) -> None:
    usage = Usage(input_tokens=into, output_tokens=out)
    assert plain_nano_usd(price, into, out) == cost_nano_usd(price, usage)


def test_what_has_no_price_for_its_output_may_cost_nobody_knows_what() -> None:
    price = Price(input=Rate(1_000_000), output=None, version="x")
    assert plain_nano_usd(price, 10, 0) == 10
    assert plain_nano_usd(price, 10, 1) is None
