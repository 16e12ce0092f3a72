"""Transactions in threads, which whoever asked may leave at any moment.

Law: leaving breaks the statement off and waits for the thread; nothing goes on behind. That holds even where
the server at the other end says nothing any more, because its connection is known before it is first used.
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import attrs
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

T = TypeVar("T")

_RUNNING = threading.local()
"""The transaction that a thread runs."""


def break_off(dialect: str, connection: Any) -> None:
    """Make what another thread does over `connection`, a driver's, fail soon."""
    # It may just have ended by itself.
    with suppress(SQLAlchemyError, OSError):
        _INTERRUPTS[dialect](connection)


def _hang_up(connection: Any) -> None:
    # The server may be gone without a word, so that asking it to cancel would hang as well.
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as wire:
        wire.shutdown(socket.SHUT_RDWR)


# The drivers' connections have no common type.
_INTERRUPTS: Mapping[str, Callable[[Any], None]] = {
    "sqlite": lambda connection: connection.interrupt(),
    "postgresql": _hang_up,
}


@attrs.define(eq=False)
class Transaction(Generic[T]):
    """One transaction, run by one thread and broken off by another."""

    _engine: sa.Engine
    _work: Callable[[sa.Connection], T]
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _connection: Any = None
    _left: bool = False

    def run(self) -> T:
        """Return what the work returns; rolled back if it raises."""
        _RUNNING.transaction = self
        try:
            with self._engine.begin() as connection:
                return self._work(connection)
        finally:
            _RUNNING.transaction = None
            # From now on the connection may be another's.
            with self._lock:
                self._connection = None

    def leave(self) -> None:
        """Make `run`, in another thread, end soon."""
        with self._lock:
            self._left = True
            if self._connection is not None:
                break_off(self._engine.dialect.name, self._connection)

    def took(self, connection: Any) -> None:
        """Remember the driver's connection that this runs over."""
        with self._lock:
            self._connection = connection
            if self._left:
                break_off(self._engine.dialect.name, connection)


def prepare_for_leaving(engine: sa.Engine) -> None:
    """Let transactions over `engine` know their connections, and try each that was idle before it is used."""
    tries = engine.dialect.name == "postgresql"

    def taken(connection: Any, record: Any, _: object) -> None:
        transaction: Transaction[Any] | None = getattr(_RUNNING, "transaction", None)
        if transaction is not None:
            transaction.took(connection)
        # What the pool offers for this (pre-ping) comes too early to be broken off.
        if tries and record.info.setdefault("used", False):
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError from error
        record.info["used"] = True

    event.listen(engine, "checkout", taken)


async def asked(executor: Executor, transaction: Transaction[T]) -> T:
    """Return what `transaction` returns, run by a thread of `executor`."""
    await anyio.lowlevel.checkpoint_if_cancelled()
    over = anyio.Event()
    token = anyio.lowlevel.current_token()

    def run() -> T:
        try:
            return transaction.run()
        finally:
            anyio.from_thread.run_sync(over.set, token=token)

    future = executor.submit(run)
    try:
        await over.wait()
    finally:
        if not over.is_set() and not future.cancel():
            transaction.leave()
            with anyio.CancelScope(shield=True):
                await over.wait()
    # The thread has said its last word, and is at its end.
    return future.result()
