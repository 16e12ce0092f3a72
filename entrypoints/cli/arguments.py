"""The command line: what can be asked, and the help that says so."""

import argparse
from pathlib import Path

from entrypoints.cli.account_arguments import add_keys, add_usage
from entrypoints.cli.health_option import add_health
from entrypoints.cli.options import add_command, add_config, add_target, port, positive, seconds
from entrypoints.cli.processors import workers
from entrypoints.cli.top_arguments import add_top


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole program."""
    top = argparse.ArgumentParser(
        prog="llmservice",
        description="One gRPC service in front of many large language models.",
        epilog="Exit codes: 0 done, 1 the operation failed, 2 bad usage or configuration, 130 interrupted.\n"
        "LLMSERVICE_LOG_LEVEL=DEBUG shows where an error came from.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_serve, _add_chat, _add_models, add_usage, add_top, add_keys):
        add(commands)
    _add_check(commands)
    _add_faults(commands)
    return top


def _add_serve(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    serve = add_command(
        commands,
        "serve",
        "run the server",
        "Runs the server until SIGINT or SIGTERM. The environment (LLMSERVICE_GRPC__PORT=0) overrides the\n"
        "settings of the file, and these options override both.",
        "  llmservice serve\n"
        "  llmservice serve --config llmservice.toml\n"
        "  llmservice serve --port 0 --address-file llmservice.address",
    )
    add_config(serve)
    serve.add_argument(
        "--host",
        metavar="H",
        help="name or address to listen at, in place of grpc.listen (default: 127.0.0.1)",
    )
    serve.add_argument("--port", metavar="P", type=port, help="0 picks a free one (default: 50051)")
    serve.add_argument(
        "--address-file",
        metavar="F",
        type=Path,
        help="write the (first) HOST:PORT here once calls are accepted; removed at the end",
    )
    serve.add_argument(
        "--workers",
        metavar="N",
        type=workers,
        default=1,
        help="processes that share the port; auto: one a processor (default: 1)",
    )
    # What the supervisor of several workers tells each: which it is, and where it is heard.
    serve.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    serve.add_argument("--link", type=int, default=-1, help=argparse.SUPPRESS)
    serve.add_argument(
        "--insecure",
        action="store_true",
        help="listen beyond this machine although callers are not authenticated",
    )


def _add_chat(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    chat = add_command(
        commands,
        "chat",
        "ask a model, answer streamed",
        "Streams the answer to stdout as it arrives; usage, warnings and reasoning go to stderr.\n"
        "Without a prompt: a conversation on a terminal, else the prompt is read from stdin.\n"
        "Ctrl-C cancels the answer.",
        '  llmservice chat "Why is the sky blue?"\n'
        "  llmservice chat --system 'Answer in French.' --max-tokens 100 Hello\n"
        "  git diff | llmservice chat --system 'Review this.' -\n"
        "  llmservice chat --json Hello | jq -r .content",
    )
    add_target(chat)
    chat.add_argument(
        "--provider",
        metavar="P",
        help="who answers (default: local; with --model alone, the server finds it)",
    )
    chat.add_argument("--model", metavar="M", help="which model (default: smollm2-135m-instruct)")
    chat.add_argument(
        "--system", metavar="S", help="what the model is told ahead of the conversation"
    )
    chat.add_argument("--temperature", metavar="T", type=float, help="0 for the most likely answer")
    chat.add_argument("--max-tokens", metavar="N", type=positive, help="bound on the answer")
    chat.add_argument(
        "--timeout",
        metavar="S",
        type=seconds,
        help="bound on the whole call, in seconds (default: none)",
    )
    chat.add_argument(
        "--fallback",
        metavar="MODEL",
        action="append",
        default=[],
        help="PROVIDER/MODEL or a public name, asked if the model cannot answer; may be repeated",
    )
    chat.add_argument(
        "--max-attempts",
        metavar="N",
        type=positive,
        help="requests to providers, on all routes together (default: the server's `[retry]`)",
    )
    chat.add_argument(
        "--idempotency-key",
        metavar="K",
        help="the same call under the same key is made once, however often it is sent",
    )
    chat.add_argument("--json", action="store_true", help="one event per line, as protobuf JSON")
    chat.add_argument(
        "prompt", metavar="PROMPT", nargs="*", help="the question; - reads it from stdin"
    )


def _add_models(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    models = add_command(
        commands,
        "models",
        "list what can be called",
        "Lists the models that a running server can call; with --live, those that each provider of the\n"
        "configuration says it has.",
        "  llmservice models\n  llmservice models --provider local --json\n"
        "  llmservice models --live --provider openai",
    )
    add_target(models)
    models.add_argument("--provider", metavar="P", default="", help="only this provider's")
    models.add_argument("--json", action="store_true", help="one model per line, as protobuf JSON")
    models.add_argument(
        "--live", action="store_true", help="ask the providers of the configuration, no server"
    )
    add_config(models)


def _add_check(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    check = add_command(
        commands,
        "check",
        "validate the configuration",
        "Validates the configuration, prints the settings in force with secrets hidden, and says what is\n"
        "missing. Nothing is started or called, but with --live: then each provider is asked for its\n"
        "models, which shows whether its address, key and models are good, and costs nothing.\n"
        "With --health no configuration is read: a running server is asked whether it takes calls.",
        "  llmservice check\n  llmservice check --config llmservice.toml\n"
        "  llmservice check --live\n  llmservice check --live --json | jq -r .problem\n"
        "  llmservice check --health 127.0.0.1:50051",
    )
    add_config(check)
    check.add_argument("--live", action="store_true", help="ask each provider, and the local model")
    check.add_argument(
        "--spend",
        action="store_true",
        help="with --live: where a provider has no list of models, ask each model that the settings name\n"
        "for one token, which may cost a little",
    )
    check.add_argument("--json", action="store_true", help="with --live: one provider per line")
    add_health(check)


def _add_faults(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    faults = add_command(
        commands,
        "faults",
        "try the service against providers that fail",
        "Runs the service on this machine against scripted providers that fail in every way there is, over\n"
        "real sockets: from a gRPC client to the provider's bytes and back. Prints what must come of each\n"
        "fault and what came, with the attempts that the client was told of and the records in the account.\n"
        "Nobody else is asked, nothing is spent and nothing is left behind. Exit code 1: a row differs.",
        "  llmservice faults\n  llmservice faults --list\n"
        "  llmservice faults --provider gemini --delivery streamed\n"
        "  llmservice faults --fault cut_in_json --json | jq -r .got",
    )
    faults.add_argument(
        "--provider",
        metavar="P",
        action="append",
        default=[],
        help="only this one; may be repeated",
    )
    faults.add_argument(
        "--fault", metavar="F", action="append", default=[], help="only this one; may be repeated"
    )
    faults.add_argument("--delivery", choices=("streamed", "whole"), help="only this one")
    faults.add_argument(
        "--manner",
        metavar="M",
        action="append",
        default=[],
        help="how calls are made: once, again, ever, fallback, resend; only this one; may be repeated",
    )
    faults.add_argument("--list", action="store_true", help="say which faults there are, and end")
    faults.add_argument("--json", action="store_true", help="one row per line")
