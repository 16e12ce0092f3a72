"""A program of its own on a core of its own, and what it uses of the machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from tests.benchmarks.table import ROOT

PROFILE = "BENCH_PROFILE"
"""Variable that names the SVG to be written of the program that is measured; `profile` sets it."""
_TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 180.0
_LOOK_EVERY_S = 0.002


@attrs.frozen
class Program:
    """A running program.

    Attributes:
        process: Its number.
        log: What it says.
    """

    process: int
    log: Path
    _popen: "subprocess.Popen[bytes]"

    def cpu_s(self) -> float:
        """Return the processor time used so far, all threads, kernel included."""
        return cpu_s(self.process)

    def resident_mib(self) -> float:
        """Return its resident memory."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        kib = next(line for line in lines if line.startswith("VmRSS")).split()[1]
        return int(kib) / 1024

    def line_of(self, path: Path) -> str:
        """Wait for the file `path` to have a line; return it.

        Raises:
            RuntimeError: The program ended, or took too long; with what it said.
        """
        self._wait(lambda: bool(_lines(path)))
        return _lines(path)[0]

    def wait_for_port(self, port: int) -> None:
        """Wait until it accepts connections at `port`.

        Raises:
            RuntimeError: The program ended, or took too long; with what it said.
        """
        self._wait(lambda: _accepts(port))

    def stop(self) -> int:
        """Tell it to end; return its exit code."""
        self._popen.terminate()
        return self._popen.wait(PATIENCE_S)

    def _wait(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not ready():
            if self._popen.poll() is not None or time.monotonic() > end:
                said = "\n".join(_lines(self.log)[-20:])
                raise RuntimeError(f"{self._popen.args!r} does not serve: {said}")
            time.sleep(_LOOK_EVERY_S)


def cpu_s(process: int) -> float:
    """Return the processor time that `process` has used, all threads, kernel included."""
    folder = Path(f"/proc/{process}")
    stat = (folder / "stat").read_text().rpartition(")")[2].split()
    # To the hundredth of a second, threads that have ended included; and to the nanosecond, without them.
    coarse = (int(stat[11]) + int(stat[12])) / _TICKS
    fine = sum(int(each.read_text().split()[0]) for each in folder.glob("task/*/schedstat"))
    return max(coarse, fine / 1e9)


@contextmanager
def pinned(
    words: Sequence[object],
    core: int,
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> Iterator[Program]:
    """Have a program run on `core`, talking into `log`, while the block does."""
    with (
        log.open("wb") as said,
        subprocess.Popen(
            ["taskset", "-c", str(core), *(str(each) for each in words)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        ) as popen,
    ):
        try:
            yield Program(popen.pid, log, popen)
        finally:
            # With all that it started, for it leads a group of its own; and it has nothing to finish.
            with suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)


@contextmanager
def profiled(process: int, core: int) -> Iterator[None]:
    """Have a flame graph drawn of `process` while the block runs, if one was asked for."""
    path = os.environ.get(PROFILE)
    if path is None:
        yield
        return
    spy = Path(sys.executable).with_name("py-spy")
    # Not stopped for each look, which would be measured too; by thread, of which the main one has the loop.
    words = ["taskset", "-c", str(core), spy, "record", "--nonblocking", "--threads"]
    words += ["--rate", "400", "--output", path, "--pid", str(process)]
    with subprocess.Popen([str(each) for each in words], stdout=subprocess.DEVNULL) as spying:
        try:
            yield
        finally:
            if spying.poll() is None:
                spying.send_signal(signal.SIGINT)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []
