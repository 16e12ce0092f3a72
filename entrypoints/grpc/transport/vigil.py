"""What a connection waits for in vain, by the clock: pure, with the time as an argument.

One task a connection looks at it; nothing is scheduled per read, write or call, which only leave a time
behind. Source: https://github.com/grpc/proposal/blob/master/A9-server-side-conn-mgt.md
"""

import math
from enum import Enum, auto

import attrs

# How long the answer to a PING is waited for between the two GOAWAYs.
_FAREWELL_S = 5.0


@attrs.frozen(kw_only=True)
class Times:
    """How long what may last, in seconds; ``math.inf``: for ever.

    Attributes:
        handshake_s: From the start until the client's preface and SETTINGS are there.
        write_stall_s: Without a byte of ours being taken.
        keepalive_s: Without a byte from the client, until it is asked by a PING.
        keepalive_timeout_s: From that PING until something comes.
        idle_s: Without a call, until the client is sent away.
        age_s: The whole connection, until the client is sent away.
        age_grace_s: From then until what still runs is cut.
    """

    handshake_s: float = 10.0
    write_stall_s: float = 20.0
    keepalive_s: float = 7200.0
    keepalive_timeout_s: float = 20.0
    idle_s: float = 300.0
    age_s: float = math.inf
    age_grace_s: float = 30.0


class Due(Enum):
    """What is to be done about it."""

    NOTHING = auto()
    ABANDON = auto()
    PING = auto()
    DRAIN = auto()
    SAY_LAST = auto()
    CUT = auto()


@attrs.define
class Vigil:
    """When a connection did what.

    Attributes:
        opened_s: It was accepted.
        read_s: The last byte came.
        greeted: The client's SETTINGS are there.
        writing_s: The write under way moved last; None: there is none.
        pinged_s: We asked whether the client is there.
        idle_s: The last call ended; None: there are calls.
        drained_s: The client was sent away; None: it was not.
        last_said: And told which streams are still served.
        aged: Because of its age.
    """

    times: Times
    opened_s: float
    read_s: float = attrs.field(init=False)
    greeted: bool = False
    writing_s: float | None = None
    pinged_s: float = -math.inf
    idle_s: float | None = attrs.field(init=False)
    drained_s: float | None = None
    last_said: bool = False
    aged: bool = False
    cut: bool = False

    def __attrs_post_init__(self) -> None:
        """Begin without calls."""
        self.read_s = self.idle_s = self.opened_s

    def next(self, now_s: float) -> tuple[float, Due]:
        """Return when to look again, and what is to be done then unless something happens before."""
        times = self.times
        # What may begin later is due no earlier than if it began now.
        latest = now_s + min(times.write_stall_s, times.idle_s)
        return min(
            (latest, Due.NOTHING),
            (math.inf if self.greeted else self.opened_s + times.handshake_s, Due.ABANDON),
            (_after(self.writing_s, times.write_stall_s), Due.ABANDON),
            self._keepalive(),
            *self._farewell(),
            key=lambda each: each[0],
        )

    def _keepalive(self) -> tuple[float, Due]:
        if self.pinged_s > self.read_s:
            return self.pinged_s + self.times.keepalive_timeout_s, Due.ABANDON
        return self.read_s + self.times.keepalive_s, Due.PING

    def _farewell(self) -> list[tuple[float, Due]]:
        times = self.times
        if self.drained_s is None:
            return [
                (_after(self.idle_s, times.idle_s), Due.DRAIN),
                (self.opened_s + times.age_s, Due.DRAIN),
            ]
        last = math.inf if self.last_said else self.drained_s + _FAREWELL_S
        cut = self.drained_s + times.age_grace_s if self.aged and not self.cut else math.inf
        return [(last, Due.SAY_LAST), (cut, Due.CUT)]


def _after(start_s: float | None, length_s: float) -> float:
    return math.inf if start_s is None else start_s + length_s
