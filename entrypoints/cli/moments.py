"""Moments as people say them: a date, a date-time with an offset, or a distance from now."""

import re
from datetime import UTC, datetime, timedelta

from entrypoints.settings.callers import moment

_DISTANCE = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def ahead(text: str, now: datetime) -> datetime:
    """Return the moment that `text` says, where ``30d`` is in 30 days.

    Raises:
        ValueError: It is none; says what is.
    """
    return _moment(text, now, 1)


def ago(text: str, now: datetime) -> datetime:
    """Return the moment that `text` says, where ``30d`` was 30 days ago.

    Raises:
        ValueError: It is none; says what is.
    """
    return _moment(text, now, -1)


def _moment(text: str, now: datetime, sign: int) -> datetime:
    found = _DISTANCE.fullmatch(text)
    try:
        if found is not None:
            return now + sign * int(found[1]) * _UNITS[found[2]]
        return moment(text).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is too far away") from None
    except ValueError as error:
        raise ValueError(f"{text!r} {error}, or a distance: 90m, 24h, 30d, 4w") from None
