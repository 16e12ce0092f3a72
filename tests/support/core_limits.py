"""What must hold of a limiter in memory, whatever was done to it."""

import itertools
from collections.abc import Sequence

import trio

from adapters.storage.limit_gates import first_short
from adapters.storage.memory_limiter import MemoryLimiter
from domain.policy.limits import Need
from domain.policy.metering import Metering, OneMeter
from domain.policy.meters import MINUTE_US, Moment


def take(meter: OneMeter, most: int, amount: int, now: Moment) -> None:
    """Reserve `amount` of a limit of that size."""
    Metering.of([(meter, most)]).take(Need(amount, amount, amount), now)


def settle(meter: OneMeter, most: int, reserved: int, used: int, held_us: int, now: Moment) -> None:
    """Put `used` in place of `reserved`, which was taken `held_us` microseconds ago."""
    need = Need(reserved, reserved, reserved)
    Metering.of([(meter, most)]).settle(need, Need(used, used, used), held_us, now)


def assert_at_rest(books: MemoryLimiter) -> None:
    """Nothing is held, reserved or waited for."""
    for gate in books._plans.gates.values():
        assert (gate.line, gate.wanted, gate.meter.reserved) == ([], 0, 0)
    assert not any(plan.calls for _, plan in books._plans.known.values())
    assert books._waiting == 0


def assert_reasons_to_wait(books: MemoryLimiter, wall_s: float) -> None:
    """The first in each line has a reason to wait, or is on its way."""
    # A moment ago: whose time comes just now may be served after whoever asks here.
    now = Moment(int(trio.current_time() * 1e6) - 1, wall_s)
    for gate in books._plans.gates.values():
        if gate.line and all(not each.called.is_set() for each in gate.line):
            first = gate.line[0]
            assert first_short(first.claims, first.number, now) is not None


def assert_rate(events: Sequence[tuple[float, int]], most: int) -> None:
    """No more than `most` a minute happened, of `events` as (when, in seconds; how much), in order."""
    for first, last in itertools.combinations_with_replacement(range(len(events)), 2):
        inside = sum(size for _, size in events[first : last + 1])
        passed_us = round((events[last][0] - events[first][0]) * 1e6) + 1
        assert inside * MINUTE_US <= most * (MINUTE_US + passed_us)
