"""The one connection to Redis: it answers, or everybody knows at once that it does not.

Laws: one task, owned by whoever awaits `Link.keep`, connects; calls never do. Requests are sent in the
order in which they are made. After a failure nobody waits for Redis until it has answered again. What
Redis knows of us is settled before calls are told that it is back.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import anyio
import attrs
from coredis.connection import BaseConnection
from coredis.exceptions import NoScriptError, RedisError

from adapters.storage.redis_limiter.address import RedisAddress
from adapters.storage.redis_limiter.scripts import Script
from adapters.storage.redis_limiter.session import Session, connection_to, said


class Ask(Protocol):
    """Runs a script."""

    def __call__(self, script: Script, /, *words: str | int) -> Awaitable[Sequence[Any]]:
        """Return its answer; `RedisAway` is raised where there is none."""
        ...


Greeting = Callable[[Ask], Awaitable[None]]


class RedisAway(Exception):
    """Redis does not answer; the message says why, without secrets."""


@attrs.define(eq=False)
class Link:
    """The way to one Redis.

    Attributes:
        root: What all keys begin with.
        timeout_s: Longest wait for an answer; one that takes longer is a failure.
        retry_s: Mean time between two tries to connect.
        beat_s: Time between two signs of life.
        tell: Told in a sentence when Redis goes away and when it is back.
        tried: Set once it is known whether Redis answers.
    """

    address: RedisAddress
    root: str
    timeout_s: float
    retry_s: float
    beat_s: float
    tell: Callable[[str], None]
    tried: anyio.Event = attrs.field(factory=anyio.Event)
    _session: Session | None = None
    _away_since_s: float | None = None
    _away_before_s: float = 0.0

    @property
    def away(self) -> bool:
        """Whether Redis does not answer now."""
        return self._session is None

    @property
    def away_s(self) -> float:
        """For how long it did not answer, altogether."""
        since_s = self._away_since_s
        return self._away_before_s + (0.0 if since_s is None else anyio.current_time() - since_s)

    async def ask(self, script: Script, *words: str | int) -> Sequence[Any]:
        """Run `script`; return its answer.

        Raises:
            RedisAway: It cannot be reached, is too slow, or refuses; nobody knows whether it ran.
        """
        session = self._session
        if session is None:
            raise RedisAway("Redis is away")
        return await self._ask(session, script, *words)

    async def keep(self, greet: Greeting, beat: Greeting) -> None:
        """Be connected, again and again, until cancelled.

        Args:
            greet: Called at the beginning of each connection, before calls may use it.
            beat: Called every `beat_s` seconds.
        """
        while True:
            why = await self._connected(greet, beat)
            self._lost(why)
            self.tried.set()
            await anyio.sleep(self.retry_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret

    async def _connected(self, greet: Greeting, beat: Greeting) -> str:
        """Keep one connection as long as it lasts; return why it ended."""
        session = Session(connection_to(self.address, self.timeout_s))
        ask = partial(self._ask, session)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.run)
            await session.ready.wait()
            with suppress(RedisAway):
                if not session.over.is_set():
                    await greet(ask)
                    self._session = session
                    self._found()
                    self.tried.set()
                while not session.over.is_set():
                    with anyio.move_on_after(self.beat_s) as rest:
                        await session.over.wait()
                    if rest.cancelled_caught:
                        await beat(ask)
            self._session = None
            tasks.cancel_scope.cancel()
        return session.why

    async def _ask(self, session: Session, script: Script, *words: str | int) -> Sequence[Any]:
        try:
            with anyio.fail_after(self.timeout_s):
                return await self._run(session.connection, script, words)
        except TimeoutError:
            session.why = f"no answer within {self.timeout_s:g} s"
        except (RedisError, OSError) as error:
            session.why = said(error)
        if self._session is session:
            self._lost(session.why)
        session.connection.invalidate()
        raise RedisAway(session.why)

    async def _run(
        self, connection: BaseConnection, script: Script, words: Sequence[str | int]
    ) -> Sequence[Any]:
        answer: Any
        try:
            answer = await connection.create_request(
                b"EVALSHA", script.sha, 1, self.root, *words, decode=False
            )
        except NoScriptError:
            answer = await connection.create_request(
                b"EVAL", script.text, 1, self.root, *words, decode=False
            )
        found: Sequence[Any] = answer
        return found

    def _lost(self, why: str) -> None:
        self._session = None
        if self._away_since_s is None:
            self._away_since_s = anyio.current_time()
            self.tell(f"Redis at {self.address} is away: {why}")

    def _found(self) -> None:
        if self._away_since_s is not None:
            gone_s = anyio.current_time() - self._away_since_s
            self._away_before_s += gone_s
            self._away_since_s = None
            self.tell(f"Redis at {self.address} is back, after {gone_s:.1f} s")
