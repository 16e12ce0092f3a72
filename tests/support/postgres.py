"""A PostgreSQL server of our own, from the machine's packages, in a folder of its own.

It keeps nothing safe (no fsync), so that it is fast; a fresh database is made for whoever asks.
"""

import itertools
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import psycopg
import pytest

from tests.support.planted import planted
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

PASSWORD = planted("pg-Secret")
_NUMBERS = itertools.count(1)
_CONFIG = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 40
shared_buffers = 32MB
fsync = off
full_page_writes = off
autovacuum = off
"""


@attrs.define(eq=False)
class PostgresServer:
    """A server that can be stopped and started again, at the same port with the same data."""

    _program: Path
    _folder: Path
    _user: pwd.struct_passwd | None
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of `database`, with its password."""
        return f"postgresql://tester:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers; nothing happens if it runs.

        Raises:
            RuntimeError: It does not answer.
        """
        if self._process is not None:
            return
        try:
            self._start()
        except RuntimeError:
            # One that was killed may fall once more over what it left behind.
            self._start()

    def _start(self) -> None:
        self.port = self.port or free_port()
        log = self._folder / "log"
        words = [self._program, "-D", self._folder / "data", "-p", str(self.port)]
        self._process = spawn(words, self._folder, log, self._user)
        try:
            await_ready(self._process, self._answers, log)
        except RuntimeError:
            self.stop()
            raise

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT in order at once, SIGQUIT as a crash does; nothing happens if it does not run."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            self._process = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """Have a fresh, empty database while the block runs; yield its address."""
        name = f"t{next(_NUMBERS)}"
        self._run(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.start()
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_running() -> Iterator[PostgresServer]:
    """Have a server run while the block does; the test ends here where none is installed."""
    postgres = program(
        "postgres", "usr/lib/postgresql/*/bin/postgres", "opt/homebrew/opt/postgresql*/bin/postgres"
    )
    if postgres is None:
        absent("PostgreSQL", "postgresql")
    user = lesser_user("postgres")
    with own_folder("postgres", user) as folder:
        _initialise(postgres.with_name("initdb"), folder, user)
        server = PostgresServer(postgres, folder, user)
        try:
            server.start()
        except RuntimeError:
            # Somebody took the port in between: another one, once.
            server = PostgresServer(postgres, folder, user)
            server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def _initialise(initdb: Path, folder: Path, user: pwd.struct_passwd | None) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    words = [
        *(initdb, "--pgdata", folder / "data", "--username", "tester", "--pwfile", password),
        *(
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ),
    ]
    log = folder / "log"
    status = spawn(words, folder, log, user).wait(PATIENCE_S)
    assert status == 0, log.read_text()
    with (folder / "data/postgresql.conf").open("a") as config:
        config.write(_CONFIG)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The one server of all tests; who stops it starts it again."""
    with postgres_running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a fresh, empty database."""
    with postgres_server.database() as url:
        yield url
