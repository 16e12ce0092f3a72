"""What was spent before, told to Redis by whoever needs to know it first.

Law: it is told as a least, never added, so that two processes that tell it count it once.
"""

import time
from collections.abc import Callable

import anyio
import attrs

from adapters.storage.redis_limiter.claims import Claim
from adapters.storage.redis_limiter.link import Ask
from adapters.storage.redis_limiter.scripts import SEED
from domain.policy.limits import LimitKind
from domain.policy.periods import DAY, MONTH
from ports.spending import Spending

_PERIODS = {LimitKind.BUDGET_PER_DAY: DAY, LimitKind.BUDGET_PER_MONTH: MONTH}


@attrs.define(eq=False)
class Seeds:
    """Which budgets Redis knows as well as the account does.

    Attributes:
        spending: Sums up the account.
        wall_clock: Seconds since the Unix epoch.
    """

    spending: Spending
    wall_clock: Callable[[], float] = time.time
    _known: set[str] = attrs.field(factory=set)
    _lock: anyio.Lock = attrs.field(factory=anyio.Lock)

    def forget(self) -> None:
        """Look everything up again: Redis may have missed or lost something."""
        # Another set: who looks something up just now puts it into the old one.
        self._known = set()

    async def sow(self, claim: Claim, ask: Ask) -> None:
        """See to it that Redis knows what was spent of a budget; who comes meanwhile waits."""
        if claim.name in self._known:
            return
        async with self._lock:
            while claim.name not in (known := self._known):
                start_s = _PERIODS[claim.limit.kind].start_s(self.wall_clock())
                caller = claim.limit.subject.removeprefix("caller:")
                spent = await self.spending.spent_nano_usd(caller, start_s)
                await ask(SEED, claim.name, start_s, spent)
                known.add(claim.name)
