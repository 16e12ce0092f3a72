"""Numbers and names as people read them."""

from datetime import UTC, datetime

_LONGEST_NAME = 80


def seconds(value: float | None) -> str:
    """Return a duration: ``12 ms``, ``3.4 s``, ``2 min 5 s``; nothing for None."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.3g} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, left = divmod(int(value), 60)
    return f"{minutes} min {left} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def usd(value: float | None) -> str:
    """Return money; as many digits as tell something."""
    if value is None:
        return "-"
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= 1 else f"${value:.6f}".rstrip("0").rstrip(".")


def number(value: float | None) -> str:
    """Return a count, or a rate with one digit more."""
    if value is None:
        return "-"
    whole = float(value).is_integer() or value >= 100
    return f"{value:,.0f}" if whole else f"{value:,.2f}".rstrip("0")


def name(text: str) -> str:
    """Return a name that strangers may have made up, as long as it is bearable."""
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def route(provider: str, model: str) -> str:
    """Return a provider and a model."""
    return name("/".join(each for each in (provider, model) if each)) or "-"


def clock(wall_s: float) -> str:
    """Return a time of the day."""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%H:%M:%S")
