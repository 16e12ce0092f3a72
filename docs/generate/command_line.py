"""The reference of the command line, from the parser that reads it."""

import argparse
import os
from collections.abc import Iterator
from unittest.mock import patch

from docs.generate.markdown import cell, code, table
from entrypoints.cli.arguments import parser

_HEAD = """# Command-line reference

Made from the parser that reads the command line; `llmservice COMMAND --help` says the same. In the
project's folder every command is a recipe, too: `./justw chat` is `.venv/bin/llmservice chat`.
"""


def page() -> str:
    """Return the reference of every command."""
    # A variable of the one who builds it would stand there as a default.
    with patch.dict(os.environ):
        os.environ.pop("LLMSERVICE_TARGET", None)
        top = parser()
    parts = [_HEAD, "```text\n" + (top.epilog or "") + "\n```"]
    parts += [_command(each, 2) for each in commands(top)]
    return "\n\n".join(parts) + "\n"


def commands(owner: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Give the parsers of the commands directly below `owner`."""
    for action in owner._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def options(command: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Give what may be said to `command`, without what it keeps to itself."""
    for action in command._actions:
        hidden = action.help == argparse.SUPPRESS or "--help" in action.option_strings
        if not hidden and not isinstance(action, argparse._SubParsersAction):
            yield action


def _command(command: argparse.ArgumentParser, depth: int) -> str:
    rows = [(_spelled(each), cell(each.help or "")) for each in options(command)]
    parts = [f"{'#' * depth} `{command.prog}`", (command.description or "").strip()]
    parts += [table(("Argument", "Meaning"), rows)] if rows else []
    if command.epilog:
        examples = "\n".join(line.strip() for line in command.epilog.splitlines()[1:])
        parts.append(f"```text\n{examples}\n```")
    parts += [_command(each, depth + 1) for each in commands(command)]
    return "\n\n".join(each for each in parts if each)


def _spelled(action: argparse.Action) -> str:
    value = str(action.metavar or (action.dest.upper() if action.nargs != 0 else ""))
    if action.choices is not None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return code(value)
    return code(f"{', '.join(action.option_strings)} {value}".strip())
