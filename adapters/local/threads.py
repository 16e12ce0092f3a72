"""Threads whose news the event loop hears, and which it never waits for.

Laws: a thread posts to the loop and goes on, and is told nothing by a wait; when the loop has ended, posts
fall on the floor. A thread is not a daemon: Python aborts the process when a daemon comes back from llama.cpp
while the interpreter ends ("FATAL: exception not rethrown", seen), so each must end soon by itself once it is
asked to, and the interpreter then waits for that long.

Why not `anyio.to_thread`: it holds its caller until the thread returns, or needs a task to be held instead.
Why not `anyio.from_thread`: it holds the thread until the loop answers, which a loop that ends never does.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import attrs

Post = Callable[[Callable[[], object]], bool]
"""Has the loop call a function soon, in order, from any thread; the function must not raise. False: the loop
has ended, and nothing will be called."""


def poster() -> Post:
    """Return the way to the running event loop, for other threads."""
    native: Any = anyio.lowlevel.current_token().native_token
    # Trio's token, else asyncio's loop.
    tell = getattr(native, "run_sync_soon", None) or native.call_soon_threadsafe
    return partial(_post, tell)


def _post(tell: Callable[[Callable[[], object]], object], news: Callable[[], object]) -> bool:
    try:
        tell(news)
    except RuntimeError:
        return False
    return True


@attrs.define(eq=False)
class Threads:
    """Starts threads and knows how many run. Used from the event loop only."""

    post: Post
    _running: int = 0
    _quiet: anyio.Event = attrs.field(factory=anyio.Event)

    def start(self, name: str, work: Callable[[], None], ended: Callable[[], None]) -> None:
        """Run `work` in a thread; the loop calls `ended` when it is done, whatever ended it.

        Raises:
            RuntimeError: The system gives no more threads. Nothing was started.
        """
        threading.Thread(target=self._run, args=(work, ended), name=name, daemon=False).start()
        if not self._running:
            self._quiet = anyio.Event()
        self._running += 1

    async def quiet(self) -> None:
        """Wait until no thread runs."""
        while self._running:
            await self._quiet.wait()

    def _run(self, work: Callable[[], None], ended: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self.post(partial(self._end, ended))

    def _end(self, ended: Callable[[], None]) -> None:
        self._running -= 1
        ended()
        if not self._running:
            self._quiet.set()
