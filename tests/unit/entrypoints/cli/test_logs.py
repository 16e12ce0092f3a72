"""The log of `serve`: what gets in, what does not, and what nobody ever reads in it."""

import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import attrs
import pytest
from loguru import logger

from adapters.telemetry.logs.log import Log
from entrypoints.cli.logs import open_log, told_to
from entrypoints.settings.loading import structure
from entrypoints.settings.logs import LogSettings
from entrypoints.settings.tree import Settings

SECRET = "-".join(("s3cret", "key", "nobody", "may", "read"))
WORD = "pass" + "word-1"
ENVIRONMENT = {"OPENAI_API_KEY": SECRET}


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    logger.remove()
    logger.add(sys.__stderr__ or io.StringIO())


@contextmanager
def logged(
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO,
    settings: Settings | None = None,
    environment: Mapping[str, str] = ENVIRONMENT,
) -> Iterator[Log]:
    monkeypatch.delenv("LLMSERVICE_LOG_LEVEL", raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    with open_log(settings or Settings(), environment) as log:
        yield log


def entries(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def with_logs(**logs: object) -> Settings:
    return structure({"logs": logs})


def test_a_line_is_one_object_with_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with logged(monkeypatch, stream):
        logger.bind(request_id="r\n1", time="not this", odd=object).info("two\nlines {}", 1)
    (entry,) = entries(stream)
    assert list(entry)[:3] == ["time", "level", "message"]
    assert str(entry["time"]).endswith("Z")
    assert (entry["level"], entry["message"]) == ("INFO", "two\nlines 1")
    assert entry["request_id"] == "r\n1"


def _fail(key: str) -> None:
    raise ValueError("no good" if key else "no key")


@pytest.mark.parametrize("stream", [io.StringIO(), Screen()])
def test_a_traceback_shows_no_values(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> None:
    secret = "".join(("loc", "al-value"))
    with logged(monkeypatch, stream):
        try:
            _fail(secret)
        except ValueError:
            logger.bind(request_id="r1").exception("it broke {}", "<b>")
    shown = re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue())
    assert "it broke <b>" in shown
    assert "ValueError: no good" in shown
    assert "r1" in shown
    assert secret not in shown


def test_a_terminal_gets_words_and_programs_get_json(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, pipe = Screen(), io.StringIO()
    with logged(monkeypatch, screen):
        logger.bind(a="1").info("said")
    with logged(monkeypatch, pipe, with_logs(format="text")):
        logger.bind(a="1").info("said")
    assert "\x1b[" in screen.getvalue()
    assert re.fullmatch(r"[\d:.]+ INFO    said a=1\n", pipe.getvalue())


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    with logged(monkeypatch, screen, environment={"NO_COLOR": "1"}):
        logger.info("said")
    assert "\x1b[" not in screen.getvalue()


def test_only_what_was_asked_for_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with logged(monkeypatch, stream, with_logs(level="WARNING")) as log:
        logger.info("no")
        logger.warning("yes")
        log.call("INFO", "no", {})
        log.call("WARNING", "call", {})
        log.tell("DEBUG", "no", {})
    assert [each["message"] for each in entries(stream)] == ["yes", "call"]


def test_the_variable_wins_over_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("LLMSERVICE_LOG_LEVEL", "debug")
    with open_log(with_logs(level="ERROR")):
        logger.debug("yes")
    assert len(entries(stream)) == 1


def test_other_libraries_are_heard_from_their_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    loud = with_logs(level="DEBUG", library_levels={"a.loud": "DEBUG", "a.silent": "ERROR"})
    with logged(monkeypatch, stream, loud):
        logging.getLogger("some.library").info("no")
        logging.getLogger("some.library").warning("%s {braces}", "yes")
        logging.getLogger("a.loud.one").debug("yes")
        logging.getLogger("a.silent").warning("no")
        logging.getLogger("a.misled").error("%d", "yes")
        logging.getLogger("a.level").log(35, "yes")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("yes", stacklevel=1)
    found = entries(stream)
    assert found[0]["message"] == "yes {braces}"
    assert (found[0]["level"], found[0]["logger"]) == ("WARNING", "some.library")
    assert [each["logger"] for each in found] == [
        "some.library",
        "a.loud.one",
        "a.misled",
        "a.level",
        "py.warnings",
    ]


def test_the_libraries_loggers_are_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (list(logging.root.handlers), logging.root.level, threading.excepthook)
    with logged(monkeypatch, io.StringIO(), with_logs(library_levels={"a.loud": "DEBUG"})):
        assert logging.root.handlers != before[0]
    assert (list(logging.root.handlers), logging.root.level, threading.excepthook) == before
    assert logging.getLogger("a.loud").level == logging.NOTSET


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_breaks_in_a_thread_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with logged(monkeypatch, stream):
        thread = threading.Thread(target=_fail, args=(SECRET,), name="worker")
        thread.start()
        thread.join()
    (entry,) = entries(stream)
    assert entry["thread"] == "worker"
    assert "ValueError: no good" in str(entry["exception"])


@attrs.frozen
class Careless:
    """Shows in its representation what it holds."""

    key: str = SECRET


def _leak_everywhere(log: Log) -> None:
    """Say the secret in every way that a program can."""
    logger.info("key {}", SECRET)
    logger.bind(key=SECRET, nested={"a": [SECRET]}, shown=Careless()).info("bound")
    logger.bind(**{SECRET: "as a name"}).info("named")
    logging.getLogger("httpx").warning("GET https://h/?x=%s", SECRET)
    logging.getLogger(f"lib.{SECRET}").error("by its name")
    log.call("INFO", "call", {"model": SECRET, "tried": [f"p/{SECRET} failed"]})
    log.tell("INFO", f"no call: {SECRET}", {"peer": SECRET})
    for error in (ValueError(SECRET), KeyError(SECRET), OSError(2, SECRET, SECRET)):
        try:
            try:
                raise error
            except Exception as inner:
                inner.add_note(f"note {SECRET}")
                raise RuntimeError(f"wrapped {SECRET}") from inner
        except RuntimeError:
            logger.exception("broke")
            logging.getLogger("lib").exception("broke")
    group = ExceptionGroup(SECRET, [ValueError(SECRET)])
    logger.opt(exception=group).error("many")


@pytest.mark.parametrize("stream", [io.StringIO(), Screen()])
def test_a_known_secret_is_in_no_line_whoever_says_it(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO
) -> None:
    with logged(monkeypatch, stream, with_logs(level="TRACE", libraries="DEBUG")) as log:
        _leak_everywhere(log)
    assert "by its name" in stream.getvalue()
    assert "[hidden]" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_passwords_in_addresses_are_in_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    settings = structure({"account": {"database": f"postgresql://me:{WORD}@db/x"}})
    environment = {"LLMSERVICE_REDIS_URL": f"redis://:{WORD}2@cache"}
    with logged(monkeypatch, stream, settings, environment):
        logger.error("cannot connect with {}", WORD)
        logger.error("cannot connect with {}", f"{WORD}2")
        logger.error("cannot reach {}", "postgresql://you:unknown@db/x")
        logger.error("{!r}", settings)
    assert WORD not in stream.getvalue()
    assert "unknown" not in stream.getvalue()


def test_patterns_of_ones_own_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with logged(monkeypatch, stream, with_logs(hide=["internal-\\d+"])):
        logger.info("at internal-42")
    assert entries(stream)[0]["message"] == "at [hidden]"


def test_lines_of_calls_can_be_those_of_failures_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted, expected in (("all", 2), ("failed", 1), ("none", 0)):
        stream = io.StringIO()
        with logged(monkeypatch, stream) as log:
            told = told_to(log, LogSettings(calls=wanted))
            told.call("INFO", "call", {"code": "OK"})
            told.call("INFO", "call", {"code": "NOT_FOUND"})
        assert len(entries(stream)) == expected


def test_lines_that_are_dropped_can_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with logged(monkeypatch, stream, with_logs(max_queue_bytes=65_536)) as log:
        told = told_to(log, LogSettings())
        log.call("INFO", "call", {"long": "x" * 70_000})
        assert told.dropped() == 1
    assert "1 lines of the log were dropped" in stream.getvalue()


def test_content_hides_what_is_personal_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = f"I am ann@example.org, key {SECRET}"
    with logged(monkeypatch, io.StringIO()) as log:
        assert told_to(log, LogSettings()).content is None
        content = told_to(log, LogSettings(content=True)).content
        frank = told_to(log, LogSettings(content=True, hide_personal=False)).content
    assert content is not None
    assert frank is not None
    assert content.hide(text) == "I am [e-mail], key [hidden]"
    assert frank.hide(text) == "I am ann@example.org, key [hidden]"
