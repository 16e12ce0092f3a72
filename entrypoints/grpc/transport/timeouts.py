"""A call's deadline in a header: at most 8 digits and a unit.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Timeout)
"""

from collections.abc import Mapping

_UNIT_S: Mapping[str, float] = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_MAX_TIMEOUT_DIGITS = 8
_LONGEST_S = 99_999_999 * 3600.0


def read_timeout(value: bytes) -> float | None:
    """Return a grpc-timeout in seconds; None if it is malformed."""
    text = value.decode("ascii", "replace")
    digits, unit = text[:-1], text[-1:]
    if unit not in _UNIT_S or not digits.isascii() or not digits.isdigit():
        return None
    return int(digits) * _UNIT_S[unit] if len(digits) <= _MAX_TIMEOUT_DIGITS else None


def write_timeout(timeout_s: float) -> bytes:
    """Return a grpc-timeout of at most 8 digits, as fine as they allow, never longer than asked for."""
    for unit, factor in (
        ("n", 1e9),
        ("u", 1e6),
        ("m", 1e3),
        ("S", 1.0),
        ("M", 1 / 60),
        ("H", 1 / 3600),
    ):
        count = int(min(max(timeout_s, 0.0), _LONGEST_S) * factor)
        if count < 10**_MAX_TIMEOUT_DIGITS:
            return b"%d%s" % (count, unit.encode())
    raise AssertionError("hours hold the longest")
