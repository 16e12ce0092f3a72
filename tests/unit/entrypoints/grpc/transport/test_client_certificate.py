"""Names of clients: nothing in one can pass for another."""

from datetime import UTC, datetime
from typing import Any

import pytest

from entrypoints.grpc.transport.client_certificate import client_certificate

REST: dict[str, Any] = {"serialNumber": "0A", "notAfter": "Jan  1 00:00:00 3000 GMT"}


def test_what_a_certificate_says_is_told_by_kind() -> None:
    told = client_certificate(
        {
            **REST,
            "subject": (
                (("countryName", "DE"),),
                (("organizationName", "Example"),),
                (("commonName", "billing"), ("userId", "7")),
            ),
            "subjectAltName": (
                ("DNS", "b.example.org"),
                ("URI", "spiffe://example.org/billing"),
                ("email", "b@example.org"),
                ("IP Address", "127.0.0.1"),
                ("IP Address", "0:0:0:0:0:0:0:1\n"),
                ("DirName", ((("commonName", "x"),),)),
                ("DNS", "c.example.org"),
            ),
        }
    )
    assert told.subject == "CN=billing+UID=7,O=Example,C=DE"
    assert told.common_name == "billing"
    assert told.dns_names == ("b.example.org", "c.example.org")
    assert told.uris == ("spiffe://example.org/billing",)
    assert told.emails == ("b@example.org",)
    assert told.ip_addresses == ("127.0.0.1", "0:0:0:0:0:0:0:1")
    assert told.names == (
        told.subject,
        "URI:spiffe://example.org/billing",
        "DNS:b.example.org",
        "DNS:c.example.org",
        "EMAIL:b@example.org",
        "IP:127.0.0.1",
        "IP:0:0:0:0:0:0:0:1",
        "CN=billing",
    )
    assert told.serial_number == "0A"
    assert told.not_after == datetime(3000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a,O=Other", r"a\,O\=Other".replace(r"\=", "=")),
        ('a+b"c\\d<e>f;g', r"a\+b\"c\\d\<e\>f\;g"),
        ("#a", r"\#a"),
        (" a ", r"\ a\ "),
        (" ", r"\ "),
        ("a\0b", r"a\00b"),
        ("Zoë", "Zoë"),
        ("", ""),
    ],
)
def test_what_separates_names_is_escaped_in_one(name: str, written: str) -> None:
    told = client_certificate({**REST, "subject": ((("commonName", name),),)})
    assert told.subject == f"CN={written}"
    assert told.common_name == name


def test_a_certificate_without_names_is_no_error() -> None:
    told = client_certificate(REST)
    assert (told.subject, told.common_name, told.dns_names) == ("", "", ())
