"""Several workers for one server: started, started again, and stopped together.

Laws: the workers are processes of the same program (nothing is forked), and share the port. The first one
serves before the others are started, so that what cannot work fails once, with its exit code. A worker that
ends unasked is started again, after a pause that doubles; one that never served ends the server. All stop
when the server does, and a second signal hurries all; no worker outlives the supervisor for longer than its
calls.
"""

import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import attrs
import trio
from loguru import logger

from entrypoints.cli.endings import DONE, FAILED
from entrypoints.crew.gathered import Gathered
from entrypoints.crew.member import Member, lines

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A worker that has served for so long is started again as if it had never failed."""
_READ_BYTES = 65_536


def pause_s(failures: int) -> float:
    """Return how long a worker's start waits that has failed so often in a row, in seconds."""
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 30)))


@attrs.define(eq=False)
class Crew:
    """The workers of one server.

    Attributes:
        words: The command that runs a worker; what says which it is comes after them.
        environment: Of the workers.
        code: The server's exit code.
        finished: Calls that ended by themselves on the way out, of all workers.
        cut: Calls that were cut.
        restarts: How often a worker was started again.
        gathered: Shows the workers to who looks on.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    gathered: Gathered
    code: int = DONE
    finished: int = 0
    cut: int = 0
    restarts: int = 0
    _running: dict[int, trio.Process] = attrs.field(factory=dict)
    _stopping: trio.Event = attrs.field(factory=trio.Event)

    @property
    def stopping(self) -> bool:
        """Whether the server goes away."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Have all workers let their calls finish; the second time they are cut."""
        self._stopping.set()
        self.gathered.stopping = True
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to all workers."""
        for process in self._running.values():
            process.send_signal(number)

    async def serve(self, count: int, serving: Callable[[], Awaitable[None]]) -> None:
        """Run `count` workers until told to stop, `serving` beside them once all of them serve.

        `serving` ends when the server goes away.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self._keep, 1)
            async with trio.open_nursery() as starting:
                for number in range(2, count + 1):
                    starting.start_soon(nursery.start, self._keep, number)
            if not self.stopping:
                nursery.start_soon(serving)

    async def wait_stopping(self) -> None:
        """Wait until the server goes away."""
        await self._stopping.wait()

    async def _keep(  # noqa: ASYNC114 - started in one place
        self, number: int, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run worker `number`, again and again; say when it serves first, or never will."""
        told = failures = 0

        def serves() -> None:
            nonlocal told
            told += 1
            if told == 1:
                task_status.started()
            else:
                logger.bind(worker=number).info("a worker serves again")

        while not self._stopping.is_set():
            began_s = trio.current_time()
            code = await self._run(number, serves)
            if self._stopping.is_set():
                # A signal of ours may come before a worker listens, or when it has closed everything.
                if code not in (DONE, -signal.SIGTERM):
                    self.code = self.code or FAILED
                    logger.bind(worker=number).error("a worker {} on its way out", _ended(code))
                break
            if not told:
                # It has said why.
                self.code = code if code > 0 else FAILED
                self.stop()
                break
            failures = 1 if trio.current_time() - began_s > STEADY_S else failures + 1
            self.restarts += 1
            logger.bind(worker=number).error(
                "a worker {}; it is started again in {:g} s", _ended(code), pause_s(failures)
            )
            with trio.move_on_after(pause_s(failures)):
                await self._stopping.wait()
        if not told:
            task_status.started()

    async def _run(self, number: int, serves: Callable[[], None]) -> int:
        """Run worker `number` once; return its exit code, which is negative if a signal ended it."""
        ours, theirs = socket.socketpair()
        link = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        async with link, trio.open_nursery() as nursery:
            with theirs:
                run = partial(
                    trio.run_process,
                    [*self.words, f"--worker={number}", f"--link={theirs.fileno()}"],
                    check=False,
                    env=self.environment,
                    pass_fds=(theirs.fileno(),),
                    # Ctrl-C is for the supervisor, which tells the workers.
                    start_new_session=True,
                )
                process: trio.Process = await nursery.start(run)
            self._running[number] = process
            member = Member.at(
                ours, number, self.gathered.runs + 1, process.pid, self.gathered.took
            )
            self.gathered.joined(member)
            try:
                if self.stopping:
                    process.terminate()
                await self._hear(link, member, serves)
                code = await process.wait()
            finally:
                del self._running[number]
                self.gathered.left(member)
        return code

    async def _hear(
        self, link: trio.SocketStream, member: Member, serves: Callable[[], None]
    ) -> None:
        """Hear what a worker says, until it is gone."""
        rest = b""
        while data := await _received(link):
            heard, rest = lines(rest + data)
            for said in heard:
                member.hear(said)
                if said.get("serving"):
                    serves()
                self.finished += said.get("finished", 0)
                self.cut += said.get("cut", 0)


async def _received(link: trio.SocketStream) -> bytes:
    try:
        return bytes(await link.receive_some(_READ_BYTES))
    except trio.BrokenResourceError:
        # It was killed in the middle of a word.
        return b""


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
