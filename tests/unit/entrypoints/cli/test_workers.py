"""How many workers there are, what they cannot do, and how long a failed one waits."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from entrypoints.cli.endings import BadUsage
from entrypoints.cli.processors import MOST, usable_processors, workers
from entrypoints.cli.supervisor import FIRST_PAUSE_S, LONGEST_PAUSE_S, pause_s
from entrypoints.cli.workers import check, limited_at
from entrypoints.settings.loading import structure

TOKEN = "0" * 64


def test_auto_is_what_the_container_may_use(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    free = usable_processors(quota)
    assert free >= 1
    for text, expected in (("max 100000", free), ("50000 100000", 1), ("nonsense", free)):
        quota.write_text(text)
        assert usable_processors(quota) == expected
    assert 1 <= workers("auto") <= MOST


@pytest.mark.parametrize("text", ["0", "-1", "65", "two", "", "1.5"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="auto, or a number from 1 to 64"):
        workers(text)
    assert workers("2") == 2


def test_pauses_double_up_to_a_bound() -> None:
    pauses = [pause_s(failures) for failures in range(1, 1_000)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, ""),
        ({"limits": {"parallel_calls": 3}}, "limits.parallel_calls"),
        (
            {"limits": {"models": {"*/gpt-*": {"requests_per_minute": 3}}}},
            "limits.models.*/gpt-*.requests_per_minute",
        ),
        (
            {"limits": {"providers": {"openai": {"tokens_per_minute": 3}}}},
            "limits.providers.openai.tokens_per_minute",
        ),
        (
            {"callers": {"a": {"token_sha256": TOKEN, "budget_usd_per_day": 1}}},
            "callers.a.budget_usd_per_day",
        ),
    ],
)
def test_limits_that_each_worker_would_keep_for_itself_are_refused_unless_that_is_said(
    settings: Mapping[str, Any], place: str
) -> None:
    assert limited_at(structure(settings)) == place
    if place:
        with pytest.raises(BadUsage, match=r"limits\.per_worker = true"):
            check(structure(settings), 2)
    for accepted in ({"per_worker": True}, {"store": "redis"}):
        limits = {**settings.get("limits", {}), **accepted}
        check(structure({**settings, "limits": limits}), 2)


def test_a_socket_file_is_refused() -> None:
    with pytest.raises(BadUsage, match=r"unix:/tmp/s cannot be shared by 4 workers"):
        check(structure({"grpc": {"listen": ["unix:/tmp/s"]}}), 4)


def test_one_http_side_is_for_all_workers_and_may_be_a_socket_file() -> None:
    check(structure({"http": {"listen": ["unix:/tmp/s", "127.0.0.1:9464"]}}), 4)
