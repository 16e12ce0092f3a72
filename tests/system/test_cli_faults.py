"""`llmservice faults`: over real sockets, as a process."""

import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import attrs

from entrypoints.cli.main import main
from entrypoints.faults.expectations import EXPECTED
from entrypoints.faults.rows import Row, rows
from tests.support.cli_runs import called, run

TRIED = ("healthy", "status_429_retry_after", "refused", "silent", "cut_in_content", "cut_in_json")


def test_what_fails_over_real_sockets_fails_as_it_must() -> None:
    done = run("faults", "--json", *(f"--fault={each}" for each in TRIED))
    total = len(rows(faults=TRIED))
    assert done.returncode == 0, done.stdout
    assert done.stderr.splitlines() == [
        f"trying {total} rows",
        f"all {total} rows came out as they must",
    ]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(each["ok"] for each in found)
    assert all(each["attempts"] == each["records"] for each in found)
    tries = {(each["fault"], each["manner"]): each for each in found}
    limited = tries["status_429_retry_after", "ever"]
    assert (limited["retry_after_s"], limited["requests"], limited["records"]) == (1.0, 3, 3)
    healed = tries["status_429_retry_after", "again"]
    assert (healed["got"], healed["requests"], healed["records"]) == ("served", 3, 3)
    refused = tries["refused", "fallback"]
    assert (refused["got"], refused["requests"], refused["records"]) == ("served", 1, 2)


def test_a_row_that_differs_is_named_and_ends_with_1() -> None:
    wrong = [
        attrs.evolve(row, expected=attrs.evolve(row.expected, attempts=2))
        for row in rows(["gemini"], ["healthy"])
    ]

    def chosen(*_: object) -> Sequence[Row]:
        return wrong

    out, err = StringIO(), StringIO()
    with (
        patch("entrypoints.cli.faults.rows", chosen),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        assert main(["faults", "--provider=gemini", "--fault=healthy"]) == 1
    assert out.getvalue().count("attempts 1, not 2") == 2
    assert "2 of 2 rows came out otherwise than they must" in err.getvalue()


def test_the_faults_are_listed() -> None:
    done = called("faults", "--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(EXPECTED)


def test_a_fault_that_there_is_not_is_bad_usage() -> None:
    done = called("faults", "--fault=rain")
    assert done.returncode == 2
    assert "--fault 'rain' is not known; there are: healthy, " in done.stderr
