"""The program: runs what the command line asks for, and makes each end of it look right from outside.

Whatever a command needs is imported when it runs, so that `--help` is quick.
"""

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module

from entrypoints.cli.arguments import parser
from entrypoints.cli.endings import (
    BAD_USAGE,
    FAILED,
    INTERRUPTED,
    BadUsage,
    OperationFailed,
    one_line,
    without_users,
)
from entrypoints.settings.log_levels import LEVELS

COLLECTION = (10_000, 20, 50)
"""When the garbage collector looks: seldom, for all that a served call makes dies without it, and only what a
failed one leaves does not. With Python's own 700, 10, 10, which suit small programs, it took an eighth of a
call."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` ask for; return its exit code."""
    return run("llmservice", lambda: _command(arguments))


def run(name: str, command: Callable[[], int]) -> int:
    """Return the exit code of `command`; what it raises becomes one line on stderr and a code."""
    try:
        return command()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output has had enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except BaseExceptionGroup as group:
        # Ctrl-C in the instant when tasks run and nobody handles it yet.
        return INTERRUPTED if group.subgroup(KeyboardInterrupt) else _told(name, group)
    except Exception as error:  # noqa: BLE001 - the end of the program: a line and a code
        return _told(name, error)


def _told(name: str, error: BaseException) -> int:
    if os.environ.get("LLMSERVICE_LOG_LEVEL", "").upper() in ("DEBUG", "TRACE"):
        from adapters.telemetry.redaction import Redaction

        print(Redaction().text("".join(traceback.format_exception(error))), file=sys.stderr, end="")
    expected = isinstance(error, BadUsage | OperationFailed)
    what = str(error) if expected else f"internal error: {type(error).__name__}: {error}"
    print(f"{name}: {without_users(one_line(what))}", file=sys.stderr)
    return BAD_USAGE if isinstance(error, BadUsage) else FAILED


def log_level(otherwise: str = "INFO") -> str:
    """Return the level that LLMSERVICE_LOG_LEVEL asks for; `otherwise`, if it asks for none.

    Raises:
        BadUsage: There is no such level.
    """
    level = os.environ.get("LLMSERVICE_LOG_LEVEL", "").upper() or otherwise
    if level not in LEVELS:
        raise BadUsage(f"LLMSERVICE_LOG_LEVEL: must be one of {', '.join(LEVELS)}")
    return level


def _command(arguments: Sequence[str] | None) -> int:
    gc.set_threshold(*COLLECTION)
    # Where a command sets up no log: loguru's own would show the values of variables in tracebacks.
    os.environ.setdefault("LOGURU_DIAGNOSE", "0")
    asked = parser().parse_args(arguments)
    log_level()
    command: Callable[[argparse.Namespace], int] = import_module(asked.module).command
    return command(asked)


if __name__ == "__main__":
    sys.exit(main())
