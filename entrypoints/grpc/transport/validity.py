"""When a certificate is valid: the one thing about our own that the standard library does not tell.

Source: X.690 (DER); RFC 5280, 4.1 (where the dates stand) and 4.1.2.5 (how they are written).
"""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_EXPLICIT_VERSION, _UTC_TIME = 0xA0, 0x17
_SOON = timedelta(days=14)


@attrs.frozen
class Validity:
    """The first and the last moment of a certificate."""

    not_before: datetime
    not_after: datetime

    def warning(self, now: datetime) -> str | None:
        """Return what is to be said about it at `now`; None: nothing."""
        until = f"{self.not_after:%Y-%m-%d %H:%M} UTC"
        if now > self.not_after:
            return f"the certificate EXPIRED at {until}: clients refuse it; renew it"
        if now < self.not_before:
            return f"the certificate is valid only from {self.not_before:%Y-%m-%d %H:%M} UTC on"
        if now > self.not_after - _SOON:
            days = (self.not_after - now).days
            return f"the certificate expires in {days} days, at {until}: renew it"
        return None


def validity(pem: str) -> Validity:
    """Return when the first certificate of `pem` is valid.

    Raises:
        ValueError: There is none, or it is malformed.
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("holds no certificate")
    try:
        certificate = next(_items(ssl.PEM_cert_to_DER_cert(found[0])))[1]
        fields = _items(next(_items(certificate))[1])
        if next(fields)[0] == _EXPLICIT_VERSION:
            next(fields)  # the serial number
        next(fields)  # the signature's algorithm
        next(fields)  # the issuer
        begin, end = _items(next(fields)[1])
        return Validity(_moment(*begin), _moment(*end))
    except (StopIteration, IndexError, ValueError):
        raise ValueError("holds a malformed certificate") from None


def _items(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each tag with its content; tags here have one byte."""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        yield tag, der[at : at + length]
        at += length


def _moment(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
