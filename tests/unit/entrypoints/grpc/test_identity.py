"""Every call has a request id."""

import re

import pytest

from domain.model.errors import InvalidRequest
from entrypoints.grpc.identity import identified, resume_from
from tests.support.core_call import server_call


def named(*metadata: tuple[str, str | bytes]) -> str:
    """Return the id of a call; its reply must have the same."""
    call = server_call(metadata)
    identified(call)
    headers = dict(call.initial_headers())
    assert call.request_id == headers[b"x-request-id"].decode()
    return call.request_id


@pytest.mark.parametrize("offered", ["x", "!~", "a" * 128, "req-1/2:3", "0" * 32])
def test_a_fit_id_is_kept(offered: str) -> None:
    assert named(("other", "z"), ("x-request-id", offered)) == offered


@pytest.mark.parametrize(
    "offered", ["", " ", "a b", "a" * 129, "é", "a\n", "\x7f", "a\tb"], ids=ascii
)
def test_an_unfit_id_is_replaced(offered: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", named(("x-request-id", offered)))


def test_bytes_are_no_id() -> None:
    assert re.fullmatch("[0-9a-f]{32}", named(("x-request-id", b"mine")))


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    first, second = named(), named()
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


def test_the_first_of_several_ids_counts() -> None:
    assert named(("x-request-id", "one"), ("x-request-id", "two")) == "one"


@pytest.mark.parametrize(
    ("told", "seen"), [("0", 0), ("30", 30), ("007", 7), ("9" * 18, 10**18 - 1)]
)
def test_where_to_resume_is_a_number(told: str, seen: int) -> None:
    assert resume_from((("other", "1"), ("x-resume-from", told))) == seen
    assert resume_from((("other", told),)) is None


@pytest.mark.parametrize(
    "told", ["", "-1", "+1", "1.0", " 1", "1\n", "x", "\u0661", "9" * 19, b"1"], ids=ascii
)
def test_where_to_resume_is_nothing_else(told: str | bytes) -> None:
    with pytest.raises(InvalidRequest, match="x-resume-from: must be the `sequence`"):
        resume_from((("x-resume-from", told),))
