"""Everything that is counted, and what of it is told apart by caller."""

import attrs

from adapters.telemetry.prometheus import names
from adapters.telemetry.prometheus.series import Count, Distribution, Reading, Series, Spec, copied
from domain.model.usage import Usage

OTHER = "other"
NANO = 1_000_000_000


def _counted(spec: Spec, most: int = 10_000) -> Series[Count]:
    return Series(spec, most)


def _spread(spec: Spec, most: int = 10_000) -> Series[Distribution]:
    return Series(spec, most)


@attrs.frozen(kw_only=True, eq=False)
class Tables:
    """Everything that is counted of calls and attempts."""

    rpcs: Series[Count] = attrs.field(factory=lambda: _counted(names.RPC_REQUESTS))
    rpc_s: Series[Distribution] = attrs.field(factory=lambda: _spread(names.RPC_DURATION))
    active: Series[Count] = attrs.field(factory=lambda: _counted(names.STREAMS_ACTIVE))
    ours_s: Series[Distribution] = attrs.field(factory=lambda: _spread(names.OVERHEAD))
    attempts: Series[Count] = attrs.field(factory=lambda: _counted(names.ATTEMPTS))
    resorts: Series[Count] = attrs.field(factory=lambda: _counted(names.RESORTS))
    tokens: Series[Count] = attrs.field(factory=lambda: _counted(names.TOKENS))
    nano_usd: Series[Count] = attrs.field(factory=lambda: _counted(names.COST))
    waits_s: Series[Distribution] = attrs.field(factory=lambda: _spread(names.LIMITER_WAITS))
    rejections: Series[Count] = attrs.field(factory=lambda: _counted(names.LIMITER_REJECTIONS))
    cache: Series[Count] = attrs.field(factory=lambda: _counted(names.CACHE_REQUESTS))
    operation_s: Series[Distribution] = attrs.field(
        factory=lambda: _spread(names.OPERATION_DURATION)
    )
    usage: Series[Distribution] = attrs.field(factory=lambda: _spread(names.TOKEN_USAGE))
    first_s: Series[Distribution] = attrs.field(factory=lambda: _spread(names.FIRST_CHUNK))
    chunk_s: Series[Distribution] = attrs.field(factory=lambda: _spread(names.PER_CHUNK))


@attrs.define(eq=False)
class CallerTables:
    """What each caller has used.

    Attributes:
        most: So many are told apart.
    """

    most: int
    requests: Series[Count] = attrs.field(factory=lambda: _counted(names.CALLER_REQUESTS))
    tokens: Series[Count] = attrs.field(factory=lambda: _counted(names.CALLER_TOKENS))
    nano_usd: Series[Count] = attrs.field(factory=lambda: _counted(names.CALLER_COST))
    _known: set[str] = attrs.field(factory=set)

    def used(self, caller: str, usage: Usage) -> None:
        """Take in what an attempt of `caller` has used."""
        name = self._named(caller)
        self.tokens.of(name, "input").add(usage.input_tokens or 0)
        self.tokens.of(name, "output").add(usage.output_tokens or 0)
        self.nano_usd.of(name).add(usage.cost_nano_usd or 0)

    def ended(self, caller: str, code: str) -> None:
        """Take in how a call of `caller` ended."""
        self.requests.of(self._named(caller), code).add()

    def _named(self, caller: str) -> str:
        if caller not in self._known:
            if len(self._known) >= self.most:
                return OTHER
            self._known.add(caller)
        return caller


_NANO = (names.COST, names.CALLER_COST)


def readings(tables: Tables | CallerTables) -> list[Reading]:
    """Return what is counted, as it is now."""
    each = [getattr(tables, field.name) for field in attrs.fields(type(tables))]
    found = [copied(series) for series in each if isinstance(series, Series)]
    return [_in_dollars(reading) if reading.spec in _NANO else reading for reading in found]


def _in_dollars(reading: Reading) -> Reading:
    """Return what is counted in 1e-9 dollars, exactly, in dollars."""
    numbers = {
        labels: number / NANO
        for labels, number in reading.numbers.items()
        if not isinstance(number, Distribution)
    }
    return Reading(reading.spec, numbers)
