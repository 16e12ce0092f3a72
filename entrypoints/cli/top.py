"""`llmservice top`: what runs on a server now, in a terminal; the same that its console shows.

It asks the server's HTTP side, which speaks no TLS itself: behind something that does, the target is https.
"""

import argparse
import json
import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

import attrs
import httpx
from rich.console import Console
from rich.live import Live

from entrypoints.cli.endings import DONE, BadUsage, OperationFailed, one_line, without_users
from entrypoints.cli.reaching import token_of
from entrypoints.cli.top_screen import screen
from entrypoints.loopback import is_loopback

EVERY_S = 1.0
_TIMEOUT_S = 5.0
_QUIT = frozenset("qQ\x03\x04")


@attrs.frozen
class Source:
    """Where the figures come from."""

    client: httpx.Client
    target: str
    query: dict[str, str]

    def now(self) -> dict[str, Any]:
        """Return how the server is now; see `entrypoints.http.console.snapshot`.

        Raises:
            OperationFailed: It does not say.
        """
        try:
            answer = self.client.get("/console/snapshot", params=self.query)
        except httpx.HTTPError as error:
            why = one_line(str(error)) or type(error).__name__
            raise OperationFailed(
                f"{self.target} does not answer ({why}): is the server there, with http.enabled and this port"
                " (http.port)?"
            ) from None
        if answer.status_code == 404:
            raise OperationFailed(
                f"{self.target} has no console: http.console is false, or it is another server"
            )
        if answer.status_code != 200:
            said = one_line(answer.text)[:200]
            raise OperationFailed(f"{self.target} refuses, {answer.status_code}: {said}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict) or "in_flight" not in found:
            raise OperationFailed(f"{self.target} is not llmservice's HTTP side (http.port)")
        return found


def command(asked: argparse.Namespace) -> int:
    """Show it, until that is enough.

    Raises:
        BadUsage: The target or the token makes no sense.
        OperationFailed: The server does not say.
    """
    with _opened(asked) as source:
        if asked.json:
            _print_json(source, once=asked.once)
        elif asked.once or not sys.stdout.isatty():
            console = Console(soft_wrap=False)
            console.print(screen(source.now(), source.target))
        else:
            _watch(source)
    return DONE


@contextmanager
def _opened(asked: argparse.Namespace) -> Iterator[Source]:
    target = asked.target
    if "://" not in target:
        target = f"http://{target}"
    shown = without_users(target)
    parts = _parts(target)
    if parts is None:
        raise BadUsage(f"--target: {shown!r} must be http://HOST:PORT or https://HOST:PORT")
    token = token_of(asked.token_file, os.environ)
    plain = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    if token and plain and not asked.plain_token:
        raise BadUsage(
            "the token would go over the network in plain text: use https, or say --plain-token"
        )
    headers = {"accept": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    with httpx.Client(
        base_url=target, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as client:
        yield Source(client, shown, {"by": asked.by, "window": asked.window})


def _parts(target: str) -> SplitResult | None:
    """Return the parts of `target`; None: it is no address of a server."""
    try:
        parts = urlsplit(target)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return (
        None if not known or parts.path.strip("/") or parts.query or "@" in parts.netloc else parts
    )


def _print_json(source: Source, *, once: bool) -> None:
    while True:
        print(json.dumps(source.now(), ensure_ascii=False), flush=True)
        if once:
            return
        time.sleep(EVERY_S)


def _watch(source: Source) -> None:
    """Show it anew every second until `q`; what ends it is told once the terminal is as it was."""
    first = source.now()
    with (
        _keys() as pressed,
        Live(screen(first, source.target), screen=True, auto_refresh=False) as live,
    ):
        while not pressed(EVERY_S):
            live.update(screen(source.now(), source.target), refresh=True)


@contextmanager
def _keys() -> Iterator[Any]:
    """Have single keys read; gives a function that waits, and returns whether it is enough."""
    if not sys.stdin.isatty():
        yield _nobody
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    # Ctrl-C stays what it is.
    tty.setcbreak(descriptor)

    def pressed(wait_s: float) -> bool:
        until_s = time.monotonic() + wait_s
        while (left_s := until_s - time.monotonic()) > 0:
            if select.select([descriptor], [], [], left_s)[0]:
                key = os.read(descriptor, 1).decode("latin-1")
                if not key or key in _QUIT:
                    return True
        return False

    try:
        yield pressed
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _nobody(wait_s: float) -> bool:
    time.sleep(wait_s)
    return False
