"""The gates of limits, and which of them a call has to pass.

Both are remembered, and bounded: callers choose the models' names.
"""

from collections.abc import Sequence

import attrs

from adapters.storage.limit_gates import Gate, Plan
from domain.policy.limits import BUDGETS, METERS, Limit, LimitKind
from domain.policy.metering import Metering
from domain.policy.meters import Moment

MOST_GATES = 10_000
"""More limits than this are looked through for those that nobody uses any more."""

MOST_PLANS = 4_096
"""Sequences of limits whose gates are remembered."""


@attrs.define(eq=False)
class Plans:
    """The plans of calls.

    Attributes:
        gates: By the limit's subject and kind.
        known: Plans by the identity of the sequence of limits, which is kept beside them.
    """

    gates: dict[tuple[str, LimitKind], Gate] = attrs.field(factory=dict)
    known: dict[int, tuple[Sequence[Limit], Plan]] = attrs.field(factory=dict)

    def of(self, limits: Sequence[Limit], now: Moment) -> Plan:
        """Return the plan for `limits`."""
        # The same caller and model come with the same sequence again and again.
        known = self.known.get(id(limits))
        if known is not None and known[0] is limits:
            return known[1]
        if len(self.gates) + len(limits) > MOST_GATES:
            # Before any of its gates is made, which nobody uses yet.
            self._forget(now)
        gates = [self._gate(limit) for limit in limits]
        sizes = (limit.most for limit in limits)
        plan = Plan(gates, Metering.of(zip((each.meter for each in gates), sizes, strict=True)))
        if len(self.known) >= MOST_PLANS:
            self._keep_used()
        self.known[id(limits)] = (limits, plan)
        return plan

    def _gate(self, limit: Limit) -> Gate:
        key = (limit.subject, limit.kind)
        gate = self.gates.get(key)
        if gate is None:
            kind = limit.kind
            gate = self.gates[key] = Gate(METERS[kind](), seeded=kind not in BUDGETS)
        gate.most = limit.most
        return gate

    def _forget(self, now: Moment) -> None:
        self._keep_used()
        used = {id(gate) for _, plan in self.known.values() for gate in plan.gates}
        for key, gate in tuple(self.gates.items()):
            if id(gate) not in used and gate.meter.at_rest(gate.most, now):
                del self.gates[key]

    def _keep_used(self) -> None:
        self.known = {key: each for key, each in self.known.items() if each[1].calls}
