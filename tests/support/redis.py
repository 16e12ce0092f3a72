"""A Redis server of our own, from the machine's packages, which keeps nothing on disk."""

import pwd
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from tests.support.servers import (
    PATIENCE_S,
    absent,
    await_ready,
    free_port,
    lesser_user,
    own_folder,
    program,
    spawn,
)


@attrs.define(eq=False)
class RedisServer:
    """A server that can be stopped and started again, at the same port and empty."""

    _program: Path
    _folder: Path
    _user: pwd.struct_passwd | None
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, at database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers; nothing happens if it runs.

        Raises:
            RuntimeError: It does not answer.
        """
        if self._process is not None:
            return
        self.port = self.port or free_port()
        log = self._folder / "log"
        words = [
            *(self._program, "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", self._folder),
        ]
        self._process = spawn(words, self._folder, log, self._user)
        try:
            await_ready(self._process, self._answers, log)
        except RuntimeError:
            self.stop()
            raise

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it; nothing happens if it does not run."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    def command(self, *words: str) -> bytes:
        """Send one command; return the answer as it came, up to 64 KiB."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(
                b"*%d\r\n" % len(words)
                + b"".join(b"$%d\r\n%b\r\n" % (len(each.encode()), each.encode()) for each in words)
            )
            return connection.recv(65536)

    def _answers(self) -> bool:
        try:
            return self.command("PING") == b"+PONG\r\n"
        except OSError:
            return False


@contextmanager
def redis_running() -> Iterator[RedisServer]:
    """Have a server run while the block does; the test ends here where none is installed."""
    redis = program("redis-server", "usr/local/bin/redis-server", "opt/homebrew/bin/redis-server")
    if redis is None:
        absent("Redis", "redis-server")
    user = lesser_user("redis")
    with own_folder("redis", user) as folder:
        server = RedisServer(redis, folder, user)
        try:
            server.start()
        except RuntimeError:
            # Somebody took the port in between: another one, once.
            server = RedisServer(redis, folder, user)
            server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The one server of all tests; who stops it starts it again."""
    with redis_running() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty server."""
    redis_server.start()
    assert redis_server.command("FLUSHALL") == b"+OK\r\n"
    return redis_server.url
