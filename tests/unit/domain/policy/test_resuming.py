"""Where an answer goes on."""

import pytest

from domain.model.errors import ErrorReason, InvalidRequest
from domain.policy.resuming import RESUME_FROM, next_after, unknown


@pytest.mark.parametrize(
    ("seen", "first", "count"), [(0, 0, 1), (30, 0, 102), (101, 0, 102), (9, 10, 20), (19, 10, 20)]
)
def test_it_goes_on_after_what_the_caller_has(seen: int, first: int, count: int) -> None:
    assert next_after(seen, first, count) == seen + 1


@pytest.mark.parametrize(
    ("seen", "first", "count", "word"),
    [
        (0, 0, 0, "0 messages were sent"),
        (20, 10, 20, "20 messages were sent"),
        (10**18, 0, 20, "20 messages were sent"),
        (8, 10, 20, "what is kept begins at 10"),
        (0, 2, 2, "what is kept begins at 2"),
    ],
)
def test_what_cannot_be_is_the_callers_error_and_says_what_can(
    seen: int, first: int, count: int, word: str
) -> None:
    with pytest.raises(InvalidRequest, match=word) as caught:
        next_after(seen, first, count)
    (wrong,) = caught.value.violations
    assert wrong.field == RESUME_FROM == "x-resume-from"
    assert caught.value.reason is ErrorReason.CALLER_INVALID_REQUEST


def test_what_is_not_known_says_what_to_do() -> None:
    assert "call again without x-resume-from" in str(unknown())
