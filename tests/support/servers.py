"""Real servers for tests: found on this machine, started on a free port, stopped after.

Where one is not installed its tests are skipped, and say so; under ``CI=true`` they fail instead, because
nobody would notice there.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

PATIENCE_S = 20.0
_LOOK_EVERY_S = 0.01


def program(name: str, *patterns: str) -> Path | None:
    """Return the program called `name`: from the path, else the last that matches a pattern below /."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    places = [place for pattern in patterns for place in sorted(Path("/").glob(pattern))]
    return places[-1] if places else None


def absent(what: str, package: str) -> NoReturn:
    """End the test: `what` is not installed here."""
    sentence = f"{what} is not installed here: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


def lesser_user(*names: str) -> pwd.struct_passwd | None:
    """Return who is to run a server if we are root: the first of `names` that is known; else None."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    return next(known[name] for name in (*names, "nobody") if name in known)


@contextmanager
def own_folder(name: str, user: pwd.struct_passwd | None) -> Iterator[Path]:
    """Have a folder of `user`'s, which others cannot read, while the block runs."""
    # Not pytest's: nobody else may enter that one.
    folder = Path(tempfile.mkdtemp(prefix=f"llmservice-{name}-"))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that nobody listened at a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def spawn(
    words: Sequence[object], folder: Path, log: Path, user: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    """Start a program as `user`, talking into `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(each) for each in words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A Ctrl-C for the tests is not for the server, which is stopped in order.
            start_new_session=True,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )


def await_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    """Wait until `ready`.

    Raises:
        RuntimeError: The process ended, or took too long; with what it said.
    """
    end = time.monotonic() + PATIENCE_S
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{process.args!r} does not serve: {log.read_text()[-2000:]}")
        time.sleep(_LOOK_EVERY_S)
