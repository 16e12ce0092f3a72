"""Addresses, as gRPC writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.addresses import Address, AnyAddress, UnixAddress, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:50051", Address("127.0.0.1", 50051)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:65535", Address("::1", 65535)),
        ("[fe80::1%eth0]:1", Address("fe80::1%eth0", 1)),
        (":50051", Address("", 50051)),
        ("unix:run/a.sock", UnixAddress("run/a.sock")),
        ("unix:/run/a.sock", UnixAddress("/run/a.sock")),
        ("unix:///run/a.sock", UnixAddress("/run/a.sock")),
    ],
)
def test_what_grpc_writes_is_understood(text: str, address: AnyAddress) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "HOST:PORT"),
        ("localhost", "HOST:PORT"),
        ("::1", "HOST:PORT"),
        ("::1:50051", "HOST:PORT"),
        ("[::1]", "HOST:PORT"),
        ("[localhost]:1", "HOST:PORT"),
        ("dns:///host:1", "HOST:PORT"),
        ("user@host:1", "HOST:PORT"),
        ("a b:1", "HOST:PORT"),
        ("host:", "port"),
        ("host:65536", "port"),
        ("host:-1", "port"),
        ("host:\u0661", "port"),
        ("unix:", "path"),
        ("unix:/run/", "path"),
        ("unix:a\0b", "path"),
        ("unix://run/a", "absolute"),
        ("unix:/" + "x" * 200, "bytes"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as refused:
        parse_address(text)
    assert repr(text) in str(refused.value)


@given(st.text())
def test_no_text_is_more_than_an_address_or_a_refusal(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address
