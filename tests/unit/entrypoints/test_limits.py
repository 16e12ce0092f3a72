"""From the settings of the limits to the limits."""

import pytest

from adapters.storage.memory_limiter import MemoryLimiter
from domain.services.attempts import UNPRICED
from entrypoints.limits import admission
from entrypoints.settings.loading import structure


@pytest.mark.parametrize(
    ("section", "assumed"),
    [({}, 4_096), ({"assumed_output_tokens": 0}, None), ({"assumed_output_tokens": 900}, 900)],
)
def test_an_answer_without_a_bound_is_taken_for_a_usual_one_unless_told_otherwise(
    section: dict[str, int], assumed: int | None
) -> None:
    settings = structure({"limits": section}).limits
    made = admission(settings, MemoryLimiter(), UNPRICED)
    assert made.assumed_output_tokens == assumed
