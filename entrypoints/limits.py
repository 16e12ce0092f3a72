"""From the settings of the limits to the limits."""

from collections.abc import Mapping

from domain.policy.admission import LimitTable
from domain.policy.limits import SERVICE, Limit, LimitKind
from domain.services.admission import Admission
from entrypoints.settings.limits import LimitSettings, SharedLimits
from ports.limiter import Limiter
from ports.prices import Prices


def admission(settings: LimitSettings, limiter: Limiter, prices: Prices) -> Admission:
    """Return how calls are let in; whoever opened `limiter` closes it."""
    return Admission(
        table=limit_table(settings),
        limiter=limiter,
        prices=prices,
        max_queue_s=settings.max_queue_s,
        assumed_output_tokens=settings.assumed_output_tokens or None,
        allow_unpriced=settings.allow_unpriced,
    )


def limit_table(settings: LimitSettings) -> LimitTable:
    """Return all limits but the callers' own."""
    cap = settings.parallel_calls
    return LimitTable(
        service=() if cap is None else (Limit(SERVICE, LimitKind.PARALLEL_CALLS, cap),),
        providers=_shared("provider", settings.providers),
        models=_shared("model", settings.models),
    )


def _shared(kind: str, configured: Mapping[str, SharedLimits]) -> Mapping[str, tuple[Limit, ...]]:
    return {name: _limits(f"{kind}:{name}", sizes) for name, sizes in configured.items()}


def _limits(subject: str, sizes: SharedLimits) -> tuple[Limit, ...]:
    found = {
        LimitKind.REQUESTS_PER_MINUTE: sizes.requests_per_minute,
        LimitKind.TOKENS_PER_MINUTE: sizes.tokens_per_minute,
        LimitKind.PARALLEL_CALLS: sizes.parallel_calls,
    }
    return tuple(Limit(subject, kind, most) for kind, most in found.items() if most is not None)
