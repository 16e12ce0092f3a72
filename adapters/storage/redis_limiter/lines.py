"""Who waits in this process: a line for each limit, by number.

Laws: nobody overtakes in a line, and a line holds nobody back who does not need that limit. Only the first in
a line asks Redis; who leaves as the first calls the next.
"""

from bisect import insort
from collections.abc import Sequence

import anyio
import attrs

from adapters.storage.redis_limiter.claims import Claim


@attrs.define(eq=False)
class Waiter:
    """A call that waits in the line of one limit; it keeps its number when it moves to another."""

    number: int
    stands: Claim
    called: anyio.Event = attrs.field(factory=anyio.Event)


@attrs.define(eq=False)
class _Line:
    waiters: list[Waiter] = attrs.field(factory=list)
    wanted: int = 0


@attrs.define(eq=False)
class Lines:
    """All lines, by limit; where nobody waits there is none."""

    _lines: dict[str, _Line] = attrs.field(factory=dict)

    def join(self, waiter: Waiter) -> None:
        """Have `waiter` stand where it says."""
        line = self._lines.setdefault(waiter.stands.name, _Line())
        insort(line.waiters, waiter, key=lambda each: each.number)
        line.wanted += waiter.stands.amount

    def leave(self, waiter: Waiter) -> None:
        """Have `waiter` stand there no more."""
        name = waiter.stands.name
        line = self._lines[name]
        was_first = line.waiters[0] is waiter
        line.waiters.remove(waiter)
        line.wanted -= waiter.stands.amount
        if not line.waiters:
            del self._lines[name]
        elif was_first:
            line.waiters[0].called.set()

    def move(self, waiter: Waiter, claim: Claim) -> None:
        """Have `waiter` stand for `claim`."""
        if claim is not waiter.stands:
            self.leave(waiter)
            waiter.stands = claim
            self.join(waiter)

    def first(self, waiter: Waiter) -> bool:
        """Return whether nobody is ahead of `waiter`."""
        return self._lines[waiter.stands.name].waiters[0] is waiter

    def ahead(self, name: str, number: int) -> tuple[int, bool]:
        """Return what those want who wait ahead of `number`, and whether there are any."""
        line = self._lines.get(name)
        if line is None or line.waiters[0].number >= number:
            return 0, False
        if line.waiters[-1].number < number:
            return line.wanted, True
        return sum(each.stands.amount for each in line.waiters if each.number < number), True

    def call(self, claims: Sequence[Claim]) -> None:
        """Call the first in each line of `claims`: something may be free."""
        for claim in claims:
            line = self._lines.get(claim.name)
            if line is not None:
                line.waiters[0].called.set()
