"""Clients that ask a server without a pause, and remember which answers they got, and when."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import grpc

from tests.support.system_gateway import ask, stub

CLIENTS = 4


@attrs.define(eq=False)
class Load:
    """What became of the calls.

    Attributes:
        answered: When each answer had come, by request id; on the monotonic clock.
        failed: How the others ended.
    """

    answered: dict[str, float] = attrs.field(factory=dict)
    failed: list[grpc.StatusCode] = attrs.field(factory=list)
    _stopping: threading.Event = attrs.field(factory=threading.Event)
    _threads: list[threading.Thread] = attrs.field(factory=list)
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def wait_for(self, count: int, patience_s: float = 20.0) -> None:
        """Wait until `count` more calls are answered."""
        goal, end = len(self.answered) + count, time.monotonic() + patience_s
        while len(self.answered) < goal:
            assert time.monotonic() < end, f"{len(self.answered)} answers, {self.failed[:3]}"
            time.sleep(0.002)

    def work(self, address: str) -> None:
        """Ask until stopped, or until the server is gone."""
        with stub(address) as server:
            while not self._stopping.is_set():
                name = f"load-{next(self._numbers)}"
                try:
                    server.invoke(
                        ask("demo", "hello"), metadata=[("x-request-id", name)], timeout=20
                    )
                except grpc.RpcError as error:
                    self.failed.append(error.code())
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        return
                    time.sleep(0.02)
                else:
                    self.answered[name] = time.monotonic()

    def start(self, address: str) -> None:
        """Have clients ask the server at `address`."""
        for _ in range(CLIENTS):
            thread = threading.Thread(target=self.work, args=(address,))
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Have every client end, with its call."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def load(address: str) -> Iterator[Load]:
    """Have clients ask the server at `address` while the block runs."""
    running = Load()
    running.start(address)
    try:
        yield running
    finally:
        running.stop()
