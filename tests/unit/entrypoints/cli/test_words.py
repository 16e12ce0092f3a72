"""What people read: help, failures, lines."""

import pytest

from entrypoints.cli.endings import (
    BAD_USAGE,
    FAILED,
    INTERRUPTED,
    BadUsage,
    OperationFailed,
    one_line,
    shown,
    without_users,
)
from entrypoints.cli.failure import told
from entrypoints.cli.main import main, run
from entrypoints.client.errors import CallFailed, StatusCode


@pytest.mark.parametrize("command", ["serve", "chat", "models", "check"])
def test_every_command_explains_itself_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"examples:\n  llmservice {command}" in out


@pytest.mark.parametrize(
    "words", [("nonsense",), (), ("chat", "--max-tokens=0", "hi"), ("serve", "--port=65536")]
)
def test_a_command_line_that_makes_no_sense_is_2(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == BAD_USAGE


@pytest.mark.parametrize(
    "words",
    [
        ("chat", "--target=host:x", "hi"),
        ("chat", ""),
        ("chat", "--provider=demo", "hi"),
        ("chat", "caf\udce9"),
        ("models", "--target=host:x"),
    ],
)
def test_a_question_that_makes_no_sense_is_2(words: tuple[str, ...]) -> None:
    assert main(words) == BAD_USAGE


def test_a_failure_names_reason_remedy_and_request() -> None:
    failure = CallFailed(
        StatusCode.NOT_FOUND, "no model is called x", reason="CALLER_MODEL_UNKNOWN", request_id="r1"
    )
    assert told(failure) == (
        "CALLER_MODEL_UNKNOWN: no model is called x; `llmservice models` lists what can be called;"
        " request id r1"
    )


def test_a_failure_says_when_to_come_back() -> None:
    failure = CallFailed(StatusCode.RESOURCE_EXHAUSTED, "slow\ndown\x1b[2J", retry_after_s=1.5)
    assert told(failure) == "RESOURCE_EXHAUSTED: slow down[2J; try again in 1.5 s"


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    assert shown("a\x1b[31m\tb\n\r\x9bc\x00") == "a[31m\tb\nc"
    assert one_line(" a\n\tb\x07 ") == "a b"


def test_passwords_in_addresses_are_hidden() -> None:
    assert without_users("https://u:p@h/x http://h/y@z") == "https://(hidden)@h/x http://h/y@z"


def test_an_end_has_its_code_and_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMSERVICE_LOG_LEVEL", raising=False)

    def ending(error: BaseException) -> tuple[int, str]:
        def command() -> int:
            raise error

        code = run("x", command)
        return code, capsys.readouterr().err

    assert ending(OperationFailed("no\nluck")) == (FAILED, "x: no luck\n")
    assert ending(BadUsage("what?")) == (BAD_USAGE, "x: what?\n")
    assert ending(KeyError("k")) == (FAILED, "x: internal error: KeyError: 'k'\n")
    assert ending(KeyboardInterrupt()) == (INTERRUPTED, "")
    assert ending(BaseExceptionGroup("", [KeyboardInterrupt()])) == (INTERRUPTED, "")
    monkeypatch.setenv("LLMSERVICE_LOG_LEVEL", "debug")
    code, err = ending(BadUsage("what?"))
    assert code == BAD_USAGE
    assert "Traceback" in err
    assert "password-1" not in ending(OperationFailed("no postgresql://me:password-1@db/x"))[1]
