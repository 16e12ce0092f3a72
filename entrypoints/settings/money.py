"""Money as people write it, US dollars, into whole 1e-9 dollars: exactly, or not at all."""

from decimal import Decimal, InvalidOperation
from typing import Any, NewType

NanoUsd = NewType("NanoUsd", int)
"""An amount in 1e-9 US dollars."""

_DECIMALS = 9
_SURE_DIGITS = 15
_MOST = Decimal(10) ** 9


def nano_usd(value: Any) -> NanoUsd:
    """Return `value`, an amount in US dollars, in 1e-9 dollars.

    Args:
        value: A number, or its text, which may have any number of digits. A float is what was written as long
            as that had no more than 15 digits.

    Raises:
        ValueError: It is no amount, or would have to be rounded.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("must be an amount in US dollars, e.g. 12.50")
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError("must be an amount in US dollars, e.g. 12.50") from None
    if not amount.is_finite() or not 0 <= amount <= _MOST:
        raise ValueError(f"must be from 0 to {_MOST} US dollars")
    digits, exponent = amount.as_tuple().digits, amount.as_tuple().exponent
    if isinstance(value, float) and len(digits) > _SURE_DIGITS:
        raise ValueError('has more digits than a number keeps: write it as text, e.g. "12.50"')
    if isinstance(exponent, int) and exponent < -_DECIMALS and amount % Decimal("1e-9"):
        raise ValueError(f"has more than {_DECIMALS} decimals")
    return NanoUsd(int(amount.scaleb(_DECIMALS)))


def usd(amount: int) -> str:
    """Return `amount`, in 1e-9 US dollars, as dollars; at least with cents."""
    dollars, rest = divmod(amount, 10**_DECIMALS)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{dollars}.{decimals}"
