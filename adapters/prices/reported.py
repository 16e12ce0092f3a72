"""What providers themselves say that a call cost.

Source: https://openrouter.ai/docs/use-cases/usage-accounting
"""

from decimal import Decimal, InvalidOperation

from adapters.wire.lookup import object_in
from domain.model.usage import Usage
from ports.prices import Cost

_MOST_USD = Decimal(1_000_000)


def openrouter(usage: Usage) -> Cost | None:
    """Return OpenRouter's ``usage.cost``, in US dollars, with what a key of one's own is charged upstream."""
    raw = usage.raw
    if raw is None:
        return None
    cost = _usd(raw.get("cost"))
    if cost is None:
        return None
    if raw.get("is_byok") is True:
        upstream = _usd(object_in(raw, "cost_details").get("upstream_inference_cost"))
        cost += upstream or Decimal(0)
    return Cost(int(cost.scaleb(9).to_integral_value()), "openrouter")


def _usd(value: object) -> Decimal | None:
    """Return `value` as money; None: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        # By its text: a float's own digits go on for ever.
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= _MOST_USD else None
