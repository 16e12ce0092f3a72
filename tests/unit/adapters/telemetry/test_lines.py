"""How a line looks: for programs and for people."""

import json
import re
from datetime import UTC, datetime

import pytest

from adapters.telemetry.logs.lines import MAX_TEXT, MAX_TRACE, as_colours, as_json, as_words

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
HOSTILE = "one\ntwo\x1b[2J\r\x9b31m \u2028three"


def test_a_line_is_one_object_with_time_level_and_message_first() -> None:
    line = as_json(NOON, "INFO", "two\nlines", {"request_id": "r", "count": 1, "none": None})
    assert "\n" not in line
    said = json.loads(line)
    assert list(said)[:3] == ["time", "level", "message"]
    assert said["time"] == "2026-01-02T12:00:00.123456Z"
    assert (said["message"], said["count"], said["none"]) == ("two\nlines", 1, None)


def test_no_field_takes_the_place_of_what_a_line_is() -> None:
    said = json.loads(as_json(NOON, "INFO", "call", {"time": "no", "level": "no", "message": "no"}))
    assert (said["level"], said["message"]) == ("INFO", "call")


@pytest.mark.parametrize(
    "odd", [object(), "\ud800", 2**70, {1: "a", ("b",): "c"}, {3}, b"\xff", float("nan")]
)
def test_whatever_is_logged_makes_a_line(odd: object) -> None:
    json.loads(as_json(NOON, "INFO", "odd", {"odd": odd}))
    assert as_words(NOON, "INFO", "odd", {"odd": odd})


def test_a_traceback_is_part_of_the_line() -> None:
    said = json.loads(as_json(NOON, "ERROR", "broken", {}, "Traceback\n  here\n"))
    assert said["exception"] == "Traceback\n  here"


def test_lines_are_never_endless() -> None:
    said = json.loads(as_json(NOON, "ERROR", "x" * 100_000, {}, "y" * 100_000))
    assert len(said["message"]) < MAX_TEXT + 100
    assert len(said["exception"]) < MAX_TRACE + 100
    assert "characters" in said["message"]


def test_nothing_that_is_logged_begins_a_line_or_commands_a_terminal() -> None:
    line = as_words(NOON, "INFO", HOSTILE, {"path": HOSTILE, "list": [HOSTILE], "a": 1.25, "e": ""})
    assert line.isprintable()
    assert "one\\ntwo\\x1b[2J" in line
    assert "a=1.25" in line
    assert " e=" not in line


def test_a_traceback_keeps_its_lines_for_people_and_no_commands() -> None:
    line = as_words(NOON, "ERROR", "broken", {}, "Traceback\n  \x1b[2Jhere\n")
    assert line.endswith("broken\nTraceback\n  [2Jhere")


def test_a_terminal_gets_colours_and_the_same_words() -> None:
    arguments = (NOON, "WARNING", "careful", {"a": "x y"})
    coloured = as_colours(*arguments)
    assert "\x1b[33;1m" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == as_words(*arguments)
