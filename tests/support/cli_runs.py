"""The program as a process: a server, and commands that ask it."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import attrs

from entrypoints.cli.main import main
from tests.support.planted import leaks

PATIENCE_S = 60.0
"""Before what should have happened is taken for lost: more than a start takes on the slowest machine."""
PROGRAM = (sys.executable, "-m", "entrypoints.cli.main")
ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[account]
database = "memory"

[local]
enabled = false

[prices."demo/hello"]
input_usd = 0.0
output_usd = 5.0

[providers.demo]
kind = "scripted"

[providers.demo.models]
hello = [{ say = "Hello" }, { say = " world" }]
slow = [{ say = "Hello" }, { wait_s = 60.0 }, { say = " world" }]
broken = [{ say = "Hello" }, { fail = { reason = "PROVIDER_OVERLOADED" } }]
"""


def environment(**changes: str) -> dict[str, str]:
    """Return this process's variables without our own, with `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LLMSERVICE_")}
    # Several servers run at once.
    return kept | {"PYTHONUNBUFFERED": "1", "LLMSERVICE_HTTP__PORT": "0"} | changes


def run(*words: str, text: str | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; no terminal is in sight."""
    return subprocess.run(
        [*PROGRAM, *words],
        input="" if text is None else text,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment(**changes),
        cwd=ROOT,
    )


def called(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Do what `run` does in this process, which takes a tenth of the time."""
    with (
        patch.dict(os.environ, environment(**changes), clear=True),
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
    ):
        code = main(words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@contextmanager
def started(
    *words: str, program: Sequence[str] = PROGRAM, **changes: str
) -> Iterator[subprocess.Popen[str]]:
    """Have a command run while the block does."""
    process = subprocess.Popen(
        [*program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
        cwd=ROOT,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@attrs.frozen
class Running:
    """A server that accepts calls."""

    address: str
    address_file: Path
    log_file: Path
    process: subprocess.Popen[bytes]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until `text` is in the log as many times."""
        wait_until(lambda: self.log().count(text) >= times, f"{text!r} in the log")


@contextmanager
def serving(folder: Path, config: str = CONFIG, *words: str, **changes: str) -> Iterator[Running]:
    """Have a server run while the block does, on a free port."""
    config_file, address_file, log_file = (folder / name for name in ("c.toml", "address", "log"))
    config_file.write_text(config)
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [
                *PROGRAM,
                "serve",
                f"--config={config_file}",
                "--port=0",
                f"--address-file={address_file}",
                *words,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Whatever is written shall hold no secret, at the most talkative, too.
            env=environment(**{"LLMSERVICE_LOG_LEVEL": "DEBUG", **changes}),
            cwd=ROOT,
        )
    with process:
        try:
            wait_until(
                lambda: address_file.exists() or process.poll() is not None, "the server's address"
            )
            assert process.poll() is None, log_file.read_text()
            yield Running(address_file.read_text().strip(), address_file, log_file, process)
        finally:
            process.kill()
            assert leaks(log_file.read_text(errors="replace")) == []


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Look until `condition` holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"no {what} within {PATIENCE_S} s"
        time.sleep(0.01)


@attrs.define
class Terminal:
    """A command on a pseudo-terminal, as a person sees it."""

    process: subprocess.Popen[bytes]
    _master: int
    _seen: str = ""
    _at: int = 0

    def interrupt(self, text: str) -> None:
        """Press Ctrl-C at a prompt, and wait until `text` is shown.

        Python's readline overlooks a signal between the prompt and its waiting for keys, until the next
        one comes: so it is pressed again after a while.
        """
        for _ in range(3):
            self.send("\x03")
            with suppress(AssertionError):
                self.expect(text, PATIENCE_S / 12)
                return
        raise AssertionError(f"Ctrl-C led to no {text!r}")

    def expect(self, text: str, patience_s: float = PATIENCE_S) -> str:
        """Wait until `text` is shown after what was expected before; return what came until then."""
        end = time.monotonic() + patience_s
        while (found := self._seen.find(text, self._at)) < 0:
            left_s = end - time.monotonic()
            assert left_s > 0, f"no {text!r} in {self._seen[self._at :]!r}"
            ready, _, _ = select.select([self._master], [], [], left_s)
            if ready:
                self._seen += self._read()
        before = self._seen[self._at : found]
        self._at = found + len(text)
        return before

    def send(self, keys: str) -> None:
        """Press `keys`."""
        os.write(self._master, keys.encode())

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, f"still running: {self._seen[self._at :]!r}"
            # Nobody could write a last word if nobody read it.
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if ready:
                self._seen += self._read()
        return self.process.returncode

    def _read(self) -> str:
        try:
            return os.read(self._master, 65536).decode(errors="replace")
        except OSError:
            # Linux's way to say that the other side is closed.
            time.sleep(0.01)
            return ""


@contextmanager
def terminal(*words: str, **changes: str) -> Iterator[Terminal]:
    """Have a command run on a terminal of its own while the block does."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(TERM="xterm", **changes),
            cwd=ROOT,
            # Ctrl-C reaches the foreground of the terminal that controls the session.
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - this process has one thread
        )
        os.close(slave)
        with process:
            try:
                yield Terminal(process, master)
            finally:
                process.kill()
    finally:
        os.close(master)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
