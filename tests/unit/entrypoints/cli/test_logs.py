import io
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest
from loguru import logger

from entrypoints.cli.logs import set_up_logs


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logger.remove()
    logger.add(sys.__stderr__ or io.StringIO())


def logged(monkeypatch: pytest.MonkeyPatch, level: str = "INFO") -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logs(level)
    return stream


def test_a_line_is_one_object_with_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch)
    logger.bind(request_id="r\n1", time="not this", odd=object).info("two\nlines {}", 1)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert list(entry)[:3] == ["time", "level", "message"]
    assert entry["time"] != "not this"
    assert entry["level"] == "INFO"
    assert entry["message"] == "two\nlines 1"
    assert entry["request_id"] == "r\n1"


def test_a_traceback_shows_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch)
    secret = "".join(("s3", "cret"))
    try:
        _fail(secret)
    except ValueError:
        logger.exception("it broke")
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["message"] == "it broke"
    assert "ValueError: no good" in entry["exception"]
    assert "s3cret" not in line


def _fail(key: str) -> None:
    raise ValueError("no good" if key else "no key")


def test_a_terminal_gets_no_values_either(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Screen()
    monkeypatch.setattr(sys, "stderr", stream)
    set_up_logs("INFO")
    secret = "".join(("s3", "cret"))
    try:
        _fail(secret)
    except ValueError:
        logger.bind(a="1", b="x y", c="{time} <red>").exception("it broke {}", "<b>")
    shown = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue())
    assert 'a=1 b="x y" c="{time} <red>"' in shown
    assert "it broke <b>" in shown
    assert "ValueError: no good" in shown
    assert "s3cret" not in shown


def test_only_what_was_asked_for_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch, "WARNING")
    logger.info("no")
    logger.warning("yes")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_other_libraries_are_heard_from_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = logged(monkeypatch, "DEBUG")
    logging.getLogger("some.library").info("no")
    logging.getLogger("some.library").warning("%s {braces}", "yes")
    (entry,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert entry["message"] == "yes {braces}"
    assert entry["level"] == "WARNING"
    assert entry["logger"] == "some.library"
