"""What is kept of an answer that several hear: all of it as long as it is short, then its end.

Laws: what the fastest listener has not heard stays. What it has heard goes, oldest first, as soon as all that
is kept takes more than the bound.
"""

import attrs

from domain.model.events import ChatEvent
from domain.policy.keeping import weight

_KEPT = 0.75
"""Of the bound, after something went: so that not every event moves all others."""


@attrs.define(eq=False)
class ReplayBuffer:
    """The events of one answer, numbered from 0.

    Attributes:
        bound: Of what they take, in bytes.
        events: Those that are kept.
        first: The number of the first of them.
        size: What they take, in bytes, about.
        furthest: How many the fastest listener has heard.
    """

    bound: int
    events: list[ChatEvent] = attrs.field(factory=list)
    first: int = 0
    size: int = 0
    furthest: int = 0

    @property
    def count(self) -> int:
        """How many events there have been."""
        return self.first + len(self.events)

    @property
    def unheard(self) -> int:
        """How many the fastest listener has not heard."""
        return self.first + len(self.events) - self.furthest

    @property
    def whole(self) -> bool:
        """Whether all of them are kept."""
        return self.first == 0

    @property
    def overfull(self) -> bool:
        """Whether what nobody has heard takes more than the bound."""
        return self.size > self.bound

    def add(self, event: ChatEvent) -> None:
        """Keep `event`."""
        self.events.append(event)
        self.size += weight(event)
        if self.size > self.bound:
            self._trim()

    def _trim(self) -> None:
        heard, gone = self.furthest - self.first, 0
        while gone < heard and self.size > self.bound * _KEPT:
            self.size -= weight(self.events[gone])
            gone += 1
        del self.events[:gone]
        self.first += gone
