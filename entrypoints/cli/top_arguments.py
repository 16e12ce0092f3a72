"""What can be asked of `llmservice top`."""

import argparse

from entrypoints.cli.options import add_command, add_token


def add_top(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    top = add_command(
        commands,
        "top",
        "show what runs on a server now",
        "Shows the calls in flight, rates, percentiles, usage, routes and the last calls of a server, anew\n"
        "every second; q or Ctrl-C ends it. It asks the HTTP side (http.port), as the console does.\n"
        "From another machine it takes the token of a caller with the scope console.",
        "  llmservice top\n  llmservice top --by caller --window 1h\n"
        "  llmservice top --once --json | jq '.in_flight[].model'",
    )
    server = top.add_argument_group("the server")
    server.add_argument(
        "--target",
        metavar="URL",
        default="http://127.0.0.1:9464",
        help="its HTTP side (default: http://127.0.0.1:9464)",
    )
    add_token(server)
    top.add_argument(
        "--by", choices=("provider", "model", "caller"), default="model",
        help="what usage is told apart by (default: model)",
    )  # fmt: skip
    top.add_argument(
        "--window", choices=("5m", "1h"), default="5m", help="how far back (default: 5m)"
    )
    top.add_argument("--once", action="store_true", help="show it once and end")
    top.add_argument("--json", action="store_true", help="the whole snapshot, one per line")
