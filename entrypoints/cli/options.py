"""Options that several commands have."""

import argparse
import os
from pathlib import Path

_DEFAULT_TARGET = "127.0.0.1:50051"


def default_target() -> str:
    """Return the server that is meant where none is named."""
    return os.environ.get("LLMSERVICE_TARGET") or _DEFAULT_TARGET


def add_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add the command `name`, which `entrypoints.cli.NAME` runs, and return its parser."""
    command = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # Or `--token SECRET` would be taken for `--token-file SECRET`.
        allow_abbrev=False,
    )
    command.set_defaults(module=f"entrypoints.cli.{name}")
    return command


def add_config(command: argparse.ArgumentParser) -> None:
    """Add the option that names the configuration."""
    command.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="TOML file (default: what LLMSERVICE_CONFIG names, else llmservice.toml if it is there)",
    )


def add_target(command: argparse.ArgumentParser) -> None:
    """Add what reaches a server; there is always one."""
    server = command.add_argument_group("the server")
    server.add_argument(
        "--target",
        metavar="ADDRESS",
        default=default_target(),
        help="the server: HOST:PORT, https://HOST:PORT, unix:PATH"
        f" (default: what LLMSERVICE_TARGET names, else {_DEFAULT_TARGET})",
    )
    add_way(server)


def add_optional_target(command: argparse.ArgumentParser, help_: str) -> None:
    """Add what reaches a server, where one is asked for."""
    server = command.add_argument_group("a running server")
    server.add_argument("--target", metavar="ADDRESS", default=None, help=help_)
    add_way(server)


def add_way(server: "argparse._ArgumentGroup") -> None:
    """Add what is said on the way to a server: token and TLS."""
    add_token(server)
    server.add_argument(
        "--tls", action="store_true", help="speak TLS, as https:// does; implied by what follows"
    )
    server.add_argument(
        "--tls-ca",
        metavar="FILE",
        type=Path,
        help="whom to trust, PEM (default: those the world trusts)",
    )
    server.add_argument(
        "--tls-cert", metavar="FILE", type=Path, help="certificate to show the server, PEM (mTLS)"
    )
    server.add_argument("--tls-key", metavar="FILE", type=Path, help="its private key, PEM")
    server.add_argument(
        "--tls-name",
        metavar="NAME",
        default="",
        help="what the server's certificate must name (default: the host)",
    )


def add_token(server: "argparse._ArgumentGroup") -> None:
    """Add who asks."""
    server.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help="holds the token to call with"
        " (default: what LLMSERVICE_TOKEN_FILE names; LLMSERVICE_TOKEN may hold the token itself)",
    )
    server.add_argument(
        "--plain-token",
        action="store_true",
        help="send the token without TLS too, where others on the network can read it",
    )


def port(text: str) -> int:
    """Return a port's number."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return number


def positive(text: str) -> int:
    """Return a whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def seconds(text: str) -> float:
    """Return a time in seconds."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number
