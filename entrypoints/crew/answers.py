"""What a worker answers to its supervisor, which shows all workers as one server.

Laws: it is asked for plain values, which JSON has; no secrets are among them: of tokens it is asked by their
digest. What may take long to write down, thousands of numbers, is written in a thread.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import trio

from adapters.telemetry.console.history import packed as packed_slot
from adapters.telemetry.prometheus.packing import packed
from adapters.telemetry.prometheus.processes import of_the_collector
from domain.model.errors import Unauthenticated
from entrypoints.board import Board
from entrypoints.grpc.authentication import Admission
from entrypoints.http.console.snapshot import moment, present
from entrypoints.http.own import stopped


@attrs.frozen(eq=False)
class Answers:
    """One worker, as it answers."""

    board: Board
    admission: Admission
    # Of its own: threads that wait for something else must not keep it from answering.
    _writing: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(1))

    async def to(self, what: str, asked: Mapping[str, Any]) -> str:
        """Return the answer to a question, as JSON; ``null`` to one that is not known."""
        answer = _ANSWERS.get(what)
        found = None if answer is None else await answer(self, asked)
        if what == "readings":
            return await trio.to_thread.run_sync(json.dumps, found, limiter=self._writing)
        return json.dumps(found)

    async def pulse(self, asked: Mapping[str, Any]) -> Any:
        """Return how it is, in a few words."""
        return {"unready": self.board.unready(), "demanding": self.admission.demanding()}

    async def readings(self, asked: Mapping[str, Any]) -> Any:
        """Return everything that is counted."""
        return packed([*self.board.readings(), *of_the_collector()])

    async def seconds(self, asked: Mapping[str, Any]) -> Any:
        """Return the seconds that are over since that one, and the one that is not; null: nobody counts."""
        registry = self.board.registry
        if registry is None:
            return None
        statistics = registry.statistics
        return {
            "now_s": trio.current_time(),
            "over": [packed_slot(each) for each in statistics.over_since(asked["since"])],
            "running": packed_slot(statistics.running),
        }

    async def present(self, asked: Mapping[str, Any]) -> Any:
        """Return what the console shows of now."""
        registry = self.board.registry
        return None if registry is None else present(self.board, registry, moment())

    async def stop(self, asked: Mapping[str, Any]) -> Any:
        """End a call as an operator."""
        found = stopped(self.board, asked["number"])
        return None if found is None else attrs.asdict(found)

    async def caller(self, asked: Mapping[str, Any]) -> Any:
        """Return whose token has this digest."""
        try:
            found = await self.admission.callers.by_token_digest(bytes.fromhex(asked["digest"]))
        except Unauthenticated as error:
            return {"refused": error.message}
        return None if found is None else {"name": found.name, "scopes": sorted(found.scopes)}


_ANSWERS: Mapping[str, Callable[[Answers, Mapping[str, Any]], Awaitable[Any]]] = {
    each.__name__: each
    for each in (
        Answers.pulse,
        Answers.readings,
        Answers.seconds,
        Answers.present,
        Answers.stop,
        Answers.caller,
    )
}
