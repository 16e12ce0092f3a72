"""Usage: presence means that it was reported, and 0 is zero."""

from typing import Any

import pytest

from adapters.providers.chat_completions.usage import usage_of
from domain.model.usage import Usage, UsageSource

FINAL = UsageSource.PROVIDER_FINAL


def counted(raw: dict[str, Any]) -> dict[str, int]:
    """Return the counts that `raw` reports."""
    usage = usage_of(raw, FINAL)
    assert (usage.raw, usage.source) == (raw, FINAL)
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return {
        name: value
        for name in (*names, "reasoning_tokens")
        if (value := getattr(usage, name)) is not None
    }


def test_totals_are_taken_as_they_are_since_they_include_their_parts() -> None:
    raw = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    assert counted(raw) == {
        "input_tokens": 100,
        "output_tokens": 50,
        "cache_read_tokens": 80,
        "cache_write_tokens": 10,
        "reasoning_tokens": 30,
    }


def test_zero_is_reported_and_absence_is_not() -> None:
    assert counted({"prompt_tokens": 0, "completion_tokens": 0}) == {
        "input_tokens": 0,
        "output_tokens": 0,
    }
    assert counted({}) == {}


@pytest.mark.parametrize("odd", [None, "many", [], {}, True, 1.5])
def test_an_odd_count_is_not_reported(odd: object) -> None:
    assert counted({"prompt_tokens": odd, "prompt_tokens_details": odd}) == {}


def test_parts_may_disagree_with_their_total() -> None:
    raw = {"completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 11}}
    assert counted(raw) == {"output_tokens": 10, "reasoning_tokens": 11}


def test_deepseeks_own_count_of_cached_tokens_is_second_choice() -> None:
    assert counted({"prompt_cache_hit_tokens": 3}) == {"cache_read_tokens": 3}
    both = {"prompt_cache_hit_tokens": 3, "prompt_tokens_details": {"cached_tokens": 0}}
    assert counted(both) == {"cache_read_tokens": 0}


def test_nothing_is_priced_here() -> None:
    assert usage_of({"cost": 0.1}, FINAL) == Usage(source=FINAL, raw={"cost": 0.1})
