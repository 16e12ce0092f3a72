"""The short form of `just bench soak`: a quarter more than it takes to warm up."""

import sys

import pytest

from tests.benchmarks.soak import WARM, plan, soak


def test_the_plan_is_the_same_for_the_same_seed() -> None:
    assert plan(100, 7) == plan(100, 7)
    assert plan(100, 7) != plan(100, 8)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what the server holds")
@pytest.mark.parametrize("engine", ["nghttp2", "h2"])
def test_mixed_calls_leave_nothing_and_lose_nothing(engine: str) -> None:
    found = soak(WARM + WARM // 4, 8, 1, engine)
    assert found["wrong"] == []
    assert found["endings"]["CANCELLED"] > 0
    assert found["endings"]["DEADLINE_EXCEEDED"] > 0
