"""What an answer cost."""

import pytest

from adapters.providers.anthropic.usage import later, usage_of
from domain.model.json_value import JsonObject
from domain.model.usage import Usage, UsageSource

FINAL = UsageSource.PROVIDER_FINAL


def test_the_total_includes_what_the_cache_gave_and_took() -> None:
    raw: JsonObject = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 418,
        "cache_read_input_tokens": 1111,
        "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 18},
        "output_tokens": 33,
        "output_tokens_details": {"thinking_tokens": 7},
    }
    assert usage_of(raw, FINAL) == Usage(
        input_tokens=1532,
        output_tokens=33,
        cache_read_tokens=1111,
        cache_write_tokens=418,
        cache_write_5m_tokens=400,
        cache_write_1h_tokens=18,
        reasoning_tokens=7,
        source=FINAL,
        raw=raw,
    )


@pytest.mark.parametrize("raw", [{}, {"input_tokens": None, "cache_creation": None}])
def test_what_is_not_reported_is_not_zero(raw: JsonObject) -> None:
    assert usage_of(raw, FINAL) == Usage(source=FINAL, raw=raw)


def test_zero_is_zero() -> None:
    found = usage_of({"input_tokens": 0, "cache_read_input_tokens": 0}, FINAL)
    assert (found.input_tokens, found.cache_read_tokens, found.cache_write_tokens) == (0, 0, None)


@pytest.mark.parametrize(
    ("split", "written"),
    [
        ({"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 6}, 11),
        ({"ephemeral_5m_input_tokens": 5}, 5),
        ({"ephemeral_1h_input_tokens": 6}, 6),
    ],
)
def test_a_write_can_be_known_by_its_parts_alone(split: JsonObject, written: int) -> None:
    found = usage_of({"input_tokens": 1, "cache_creation": split}, FINAL)
    assert (found.cache_write_tokens, found.input_tokens) == (written, 1 + written)


def test_the_latest_count_holds_unless_it_is_null() -> None:
    first: JsonObject = {"input_tokens": 43, "cache_read_input_tokens": 5, "output_tokens": 1}
    assert later(
        first, {"input_tokens": 61, "cache_read_input_tokens": None, "output_tokens": 2}
    ) == {
        "input_tokens": 61,
        "cache_read_input_tokens": 5,
        "output_tokens": 2,
    }
