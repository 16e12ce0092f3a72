"""What `llmservice check` needs to ask a running server for its health."""

import argparse
from collections.abc import Sequence
from typing import Any

from entrypoints.cli.options import add_way, default_target, seconds


class _Health(argparse.Action):
    """Has a server asked, in place of the configuration; imports nothing of what that needs."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.module = "entrypoints.cli.health"
        namespace.target = values or default_target()


def add_health(check: argparse.ArgumentParser) -> None:
    """Add the options that go with --health."""
    server = check.add_argument_group("a running server")
    server.add_argument(
        "--health",
        metavar="TARGET",
        nargs="?",
        action=_Health,
        help="ask this server whether it takes calls, and nothing else: exit 0 if so"
        f" (default: what LLMSERVICE_TARGET names, else {default_target()})",
    )
    server.add_argument(
        "--service",
        metavar="NAME",
        default="",
        help="ask for one service, e.g. llmservice.v1.LLMService (default: the server as a whole)",
    )
    server.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        default=3.0,
        help="how long the answer may take, in seconds (default: 3)",
    )
    add_way(server)
