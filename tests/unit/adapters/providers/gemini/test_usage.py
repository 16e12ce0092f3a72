"""Usage: totals include everything, 0 is zero, and what is absent is not reported."""

from typing import Any

import pytest

from adapters.providers.gemini.usage import usage_of
from domain.model.usage import Usage, UsageSource

FINAL = UsageSource.PROVIDER_FINAL


@pytest.mark.parametrize(
    ("raw", "counts"),
    [
        ({}, {}),
        ({"promptTokenCount": 5}, {"input_tokens": 5}),
        ({"promptTokenCount": 5, "toolUsePromptTokenCount": 2}, {"input_tokens": 7}),
        ({"toolUsePromptTokenCount": 2}, {"input_tokens": 2}),
        ({"candidatesTokenCount": 0}, {"output_tokens": 0}),
        (
            {"candidatesTokenCount": 3, "thoughtsTokenCount": 4},
            {"output_tokens": 7, "reasoning_tokens": 4},
        ),
        ({"thoughtsTokenCount": 4}, {"output_tokens": 4, "reasoning_tokens": 4}),
        (
            {"promptTokenCount": 9, "cachedContentTokenCount": 8},
            {"input_tokens": 9, "cache_read_tokens": 8},
        ),
        ({"promptTokenCount": None, "candidatesTokenCount": "x"}, {}),
    ],
)
def test_totals_are_inclusive(raw: dict[str, Any], counts: dict[str, Any]) -> None:
    assert usage_of(raw, FINAL) == Usage(**counts, source=FINAL, raw=raw)
