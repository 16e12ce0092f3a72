"""What several attempts come to."""

from domain.model.usage import NO_USAGE, Usage, UsageSource, total

FINAL = Usage(
    input_tokens=3,
    output_tokens=5,
    source=UsageSource.PROVIDER_FINAL,
    cost_nano_usd=10,
    price_version="1",
    raw={"in": 3},
)


def test_a_sum_knows_what_any_part_of_it_knew_and_nothing_else() -> None:
    both = total([FINAL, NO_USAGE, Usage(input_tokens=4, reasoning_tokens=1)])
    assert both == Usage(
        input_tokens=7,
        output_tokens=5,
        reasoning_tokens=1,
        cost_nano_usd=10,
        price_version="1",
    )
    assert total([NO_USAGE, NO_USAGE]) == total([]) == NO_USAGE


def test_a_sum_of_one_is_that_one_without_its_providers_words() -> None:
    alone = total([NO_USAGE, FINAL])
    assert (alone.raw, alone.source, alone.cost_nano_usd) == (None, UsageSource.PROVIDER_FINAL, 10)


def test_a_sum_with_an_estimate_in_it_is_one_and_prices_of_two_lists_have_no_version() -> None:
    guess = Usage(input_tokens=1, source=UsageSource.ESTIMATED, cost_nano_usd=2, price_version="2")
    both = total([FINAL, guess])
    assert (both.source, both.price_version) == (UsageSource.ESTIMATED, "")
    assert both.cost_nano_usd == 12
    twice = total([FINAL, FINAL])
    assert (twice.source, twice.price_version) == (UsageSource.PROVIDER_FINAL, "1")
