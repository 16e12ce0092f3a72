"""The metrics of calls and attempts: what the service tells those who watch it, counted.

Laws: labels are bounded. A method or a model that is not ours is ``other``; callers are told apart only where
that is asked for, and only so many. What a call adds to is bound once for each method and each model, so that
a call makes no objects and looks up next to nothing.
"""

from collections.abc import Callable, Mapping

import attrs

from adapters.telemetry.prometheus.series import Count, Distribution, Reading
from adapters.telemetry.prometheus.tables import OTHER, CallerTables, Tables, readings
from domain.model.errors import ErrorReason
from domain.model.response_cache import CacheStatus
from domain.model.usage import Attempt, AttemptOutcome, Usage
from domain.model.watch import LiveAttempt, Operation, Resort
from ports.telemetry import CallEnd, LiveCall

MOST_MODELS = 1_000
"""So many models have numbers of their own."""


@attrs.define(eq=False)
class Metrics:
    """Watches all calls, and counts.

    Attributes:
        methods: Full names of ours, as ``package.Service/Method``.
        knows: Whether a provider's model is one of ours, by their names.
        told_apart: How many callers have numbers of their own; 0: none.
    """

    methods: frozenset[str] = frozenset()
    knows: Callable[[str, str], bool] = lambda provider, model: True
    told_apart: int = 0
    tables: Tables = attrs.field(init=False, factory=Tables)
    callers: CallerTables | None = attrs.field(init=False, default=None)
    ours_s: Distribution = attrs.field(init=False)
    waits_s: Distribution = attrs.field(init=False)
    _methods: dict[str, "_Method"] = attrs.field(init=False, factory=dict)
    routes: dict[tuple[str, str, Operation], "_Route"] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.told_apart:
            self.callers = CallerTables(self.told_apart)
        self.ours_s, self.waits_s = self.tables.ours_s.of(), self.tables.waits_s.of()

    def call(self, call: LiveCall, /) -> "_Method":
        """See `ports.telemetry.Telemetry`."""
        method = self._methods.get(call.method) or self._method(call.method)
        method.active.value += 1
        return method

    def rejected(self, code: str, reason: str, /) -> None:
        """See `ports.telemetry.Telemetry`."""
        self._method(OTHER).ends(code, reason).value += 1

    def readings(self) -> list[Reading]:
        """Return what is counted, as it is now."""
        apart = [] if self.callers is None else readings(self.callers)
        return [*readings(self.tables), *apart]

    def new_route(self, key: tuple[str, str, Operation]) -> "_Route":
        """Return what attempts add to that are not among `routes`: a new one, or that of all others."""
        provider, model, operation = key
        if model != OTHER and not self.knows(provider, model):
            key = (provider, OTHER, operation)
            return self.routes.get(key) or self.new_route(key)
        if len(self.routes) >= MOST_MODELS:
            return self.routes.setdefault(
                (OTHER, OTHER, operation), _Route.of(self, OTHER, OTHER, operation)
            )
        found = self.routes[key] = _Route.of(self, provider, model, operation)
        return found

    def _method(self, name: str) -> "_Method":
        if name not in self.methods:
            name = OTHER
        found = self._methods.get(name)
        if found is None:
            tables = self.tables
            found = _Method(self, name, tables.active.of(name), tables.rpc_s.of(name))
            self._methods[name] = found
        return found


@attrs.define(eq=False)
class _Method:
    """Watches all calls of one method: they differ in nothing that is kept."""

    _metrics: Metrics
    _name: str
    active: Count
    _duration_s: Distribution
    _ends: dict[tuple[str, str], Count] = attrs.field(factory=dict)

    def attempt(self, live: LiveAttempt, /) -> "_Route":
        metrics, key = self._metrics, (live.provider, live.model, live.operation)
        return metrics.routes.get(key) or metrics.new_route(key)

    def admitted(self, queued_s: float, /) -> None:
        self._metrics.waits_s.add(queued_s)

    def refused(self, reason: ErrorReason, /) -> None:
        self._metrics.tables.rejections.of(reason.name).add()

    def resorted(self, resort: Resort, /) -> None:
        why = "" if resort.reason is None else resort.reason.name
        self._metrics.tables.resorts.of(resort.kind, resort.provider, why).add()

    def ends(self, code: str, reason: str) -> Count:
        found = self._ends[code, reason] = self._metrics.tables.rpcs.of(self._name, code, reason)
        return found

    def ended(self, call: LiveCall, end: CallEnd, /) -> None:
        metrics, trace = self._metrics, call.traceparent
        self.active.value -= 1
        ends = self._ends.get((end.code, end.reason)) or self.ends(end.code, end.reason)
        ends.value += 1
        self._duration_s.add(end.duration_s, trace)
        if metrics.callers is not None:
            metrics.callers.ended(call.caller.name, end.code)
        asked = call.asked
        if asked is None:
            return
        ledger = asked.ledger
        status = ledger.cache_status
        if status is not None:
            metrics.tables.cache.of(status).add()
        # Of an answer that is read on it is not known yet how long it takes; a joined one began before.
        known = ledger.left is None and status is not CacheStatus.COALESCED
        if known and (ledger.attempts or status is CacheStatus.HIT):
            ours_s = end.duration_s - ledger.queued_s - ledger.paused_s
            for each in ledger.attempts:
                ours_s -= each.total_s
            metrics.ours_s.add(max(0.0, ours_s), trace)


@attrs.define(eq=False)
class _Route:
    """Watches all attempts at one model."""

    _metrics: Metrics
    _names: tuple[str, str, str]
    _input: Distribution
    _output: Distribution
    _tokens: Mapping[str, Count]
    _first_s: Distribution
    _chunk_s: Distribution
    _ends: dict[tuple[AttemptOutcome, ErrorReason | None], tuple[Count, Distribution]]
    # Where no price is known there is no cost, and not one of 0.
    _nano_usd: Count | None = None

    @classmethod
    def of(cls, metrics: Metrics, provider: str, model: str, operation: Operation) -> "_Route":
        tables, gen_ai = metrics.tables, (operation.value, provider, model)
        return cls(
            metrics,
            gen_ai,
            tables.usage.of(*gen_ai, "input"),
            tables.usage.of(*gen_ai, "output"),
            {kind: tables.tokens.of(provider, model, kind) for kind in ("input", "output")},
            tables.first_s.of(*gen_ai),
            tables.chunk_s.of(*gen_ai),
            {},
        )

    def ended(self, live: LiveAttempt, attempt: Attempt | None, /) -> None:
        if attempt is None:
            return
        trace = live.traceparent
        ends = self._ends.get((attempt.outcome, attempt.error_reason)) or self._new_end(attempt)
        ends[0].value += 1
        ends[1].add(attempt.total_s, trace)
        usage = attempt.usage
        if usage.input_tokens is not None:
            self._input.add(usage.input_tokens, trace)
            self._tokens["input"].value += usage.input_tokens
        if usage.output_tokens is not None:
            self._output.add(usage.output_tokens, trace)
            self._tokens["output"].value += usage.output_tokens
        if usage.cost_nano_usd is not None:
            nano_usd = self._nano_usd
            if nano_usd is None:
                _, provider, model = self._names
                nano_usd = self._nano_usd = self._metrics.tables.nano_usd.of(provider, model)
            nano_usd.value += usage.cost_nano_usd
        if usage.cache_read_tokens or usage.cache_write_tokens or usage.reasoning_tokens:
            self._parts(usage)
        first_s = attempt.first_token_s
        if live.streamed and first_s is not None:
            self._first_s.add(first_s, trace)
            more = live.chunks - 1
            if more > 0:
                self._chunk_s.add((attempt.total_s - first_s) / more, trace, more)
        if self._metrics.callers is not None:
            self._metrics.callers.used(live.caller, usage)

    def _new_end(self, attempt: Attempt) -> tuple[Count, Distribution]:
        tables, (_, provider, model) = self._metrics.tables, self._names
        why = "" if attempt.error_reason is None else attempt.error_reason.name
        ends = (
            tables.attempts.of(provider, model, attempt.outcome.value, why),
            tables.operation_s.of(*self._names, why),
        )
        self._ends[attempt.outcome, attempt.error_reason] = ends
        return ends

    def _parts(self, usage: Usage) -> None:
        _, provider, model = self._names
        for kind, count in (
            ("cache_read", usage.cache_read_tokens),
            ("cache_write", usage.cache_write_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if count:
                self._metrics.tables.tokens.of(provider, model, kind).value += count
