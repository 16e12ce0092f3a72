"""The program as a process again and again, without the half second that each would take to import it.

As a server it has everything imported and forks a process for each command. As the program that is called
it hands over its words, its folder, its variables and its standard streams, and ends as that process did;
then it imports nothing of the project, which would take as long.
"""

import array
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from typing import NoReturn

_STREAMS = 3
_MOST_BYTES = 1 << 20


def serve(path: str) -> NoReturn:
    """Take commands at the socket `path` for as long as this process runs."""
    for name in ("entrypoints.cli", "adapters.storage.sql"):
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who are forked
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _obey(caller)
            caller.close()


def _obey(caller: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    told, streams, _, _ = socket.recv_fds(caller, _MOST_BYTES, _STREAMS)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    asked = json.loads(told)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["variables"])
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    code = 1
    try:
        code = importlib.import_module("entrypoints.cli.main").main(asked["words"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.sendall(bytes([code]))
        os._exit(code)


def call(path: str, words: list[str]) -> int:
    """Have `words` done; return the exit code."""
    told = {"words": words, "folder": os.getcwd(), "variables": dict(os.environ)}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.connect(path)
        streams = array.array("i", range(_STREAMS))
        server.sendmsg(
            [json.dumps(told).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)]
        )
        return next(iter(server.recv(1)), 1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(call(sys.argv[1], sys.argv[2:]))
