"""Who a client is, by the certificate it showed and we verified.

Source: RFC 4514 (names as strings), RFC 5280 (what a certificate says).
"""

import ssl
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

_SHORT: Mapping[str, str] = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_SPECIAL = frozenset('"+,;<>\\')


@attrs.frozen(kw_only=True)
class ClientCertificate:
    """What a verified certificate says about its holder.

    Attributes:
        subject: Its name as RFC 4514 writes it, most specific part first: ``CN=billing,O=Example,C=DE``.
        common_name: The most specific CN; empty if there is none.
        dns_names: Alternative names, as are the three below, in the certificate's order.
        uris: E.g. ``spiffe://example.org/billing``.
        serial_number: Hexadecimal.
        not_after: When it ends to be valid.
    """

    subject: str
    common_name: str
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    serial_number: str
    not_after: datetime

    @property
    def names(self) -> tuple[str, ...]:
        """All by which its holder may be known, the most telling first, each with its kind.

        Without the kind, a name that the holder chose could be taken for one of another kind.
        """
        named = [
            self.subject,
            *(f"URI:{each}" for each in self.uris),
            *(f"DNS:{each}" for each in self.dns_names),
            *(f"EMAIL:{each}" for each in self.emails),
            *(f"IP:{each}" for each in self.ip_addresses),
            f"CN={_escaped(self.common_name)}" if self.common_name else "",
        ]
        return tuple(dict.fromkeys(filter(None, named)))


def client_certificate(parsed: Mapping[str, Any]) -> ClientCertificate:
    """Return what the standard library has `parsed` of a certificate."""
    names: tuple[tuple[tuple[str, str], ...], ...] = parsed.get("subject", ())
    common = [value for each in names for kind, value in each if kind == "commonName"]
    others: tuple[tuple[str, Any], ...] = parsed.get("subjectAltName", ())
    return ClientCertificate(
        subject=",".join("+".join(_pairs(each)) for each in reversed(names)),
        common_name=common[-1] if common else "",
        dns_names=tuple(_of("DNS", others)),
        uris=tuple(_of("URI", others)),
        emails=tuple(_of("email", others)),
        ip_addresses=tuple(_of("IP Address", others)),
        serial_number=parsed["serialNumber"],
        not_after=datetime.fromtimestamp(ssl.cert_time_to_seconds(parsed["notAfter"]), UTC),
    )


def _of(kind: str, names: Iterable[tuple[str, Any]]) -> Iterator[str]:
    # A kind of ours is always text; others, such as a directory's name, are not.
    return (value.strip() for each, value in names if each == kind)


def _pairs(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in names)


def _escaped(value: str) -> str:
    """Return `value` such that nothing in it can be taken for a further name. Source: RFC 4514, 2.4."""
    text = "".join(
        "\\00" if each == "\0" else f"\\{each}" if each in _SPECIAL else each for each in value
    )
    if text.startswith((" ", "#")):
        text = f"\\{text}"
    if text.endswith(" ") and len(value) > 1:
        text = f"{text[:-1]}\\ "
    return text
