"""How long a certificate is valid, and when that is worth a word."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.grpc.transport.validity import Validity, validity

MADE = trustme.CA()
NOW = datetime(2030, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("year", [2031, 2049, 2050, 2500])
def test_both_ways_to_write_a_date_are_read(year: int) -> None:
    end = datetime(year, 2, 3, 4, 5, 6, tzinfo=UTC)
    made = MADE.issue_cert("localhost", not_before=NOW, not_after=end)
    pem = b"a comment\n" + b"".join(each.bytes() for each in made.cert_chain_pems)
    assert validity(pem.decode()) == Validity(NOW, end)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (NOW + timedelta(days=15), None),
        (NOW + timedelta(days=13, hours=1), "expires in 13 days"),
        (NOW - timedelta(seconds=1), "EXPIRED"),
    ],
)
def test_the_end_is_told_two_weeks_ahead(end: datetime, words: str | None) -> None:
    told = Validity(NOW - timedelta(days=90), end).warning(NOW)
    assert told == words if words is None else words in (told or "")


def test_a_certificate_of_tomorrow_is_told() -> None:
    told = Validity(NOW + timedelta(days=1), NOW + timedelta(days=90)).warning(NOW)
    assert told is not None
    assert "only from" in told


@given(st.binary(max_size=200))
def test_nonsense_is_a_value_error(der: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        validity(ssl.DER_cert_to_PEM_cert(der))
