"""What every codec says of failures."""

import pytest

from adapters.wire.codec import ResponseHead
from adapters.wire.failures import (
    MAX_MESSAGE,
    MAX_RETRY_AFTER_S,
    presentable,
    retry_after_s,
    without_remains,
    wrong_address,
)

SUNDAY = "Sun, 22 Nov 2026 17:00:00 GMT"
LATER = "Sun, 22 Nov 2026 17:00:30 GMT"
SUNDAY_S = 1795366800.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "1e9"}, MAX_RETRY_AFTER_S),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "?", "retry-after": "9"}, 9.0),
        ({"retry-after": LATER, "date": SUNDAY}, 30.0),
        ({"retry-after": SUNDAY, "date": LATER}, 0.0),
        ({"retry-after": "Sunday, 99 Foo 2026", "date": SUNDAY}, None),
    ],
    ids=repr,
)
def test_the_wait_is_what_the_headers_say(headers: dict[str, str], wait_s: float | None) -> None:
    assert retry_after_s(headers) == wait_s


def test_without_the_answers_own_clock_a_date_needs_ours() -> None:
    assert retry_after_s({"retry-after": LATER}) is None
    assert retry_after_s({"retry-after": LATER}, SUNDAY_S) == 30.0
    assert retry_after_s({"retry-after": LATER, "date": "?"}, SUNDAY_S) == 30.0


def test_a_message_is_short_and_tells_no_secret() -> None:
    long = presentable("key sk-1 " * 1000, ["sk-1", ""])
    assert len(long) == MAX_MESSAGE
    assert "sk-1" not in long
    assert presentable("fine", ["sk-1"]) == "fine"


@pytest.mark.parametrize("left", range(1, 6))
def test_what_a_cut_leaves_of_a_secret_is_taken_away(left: int) -> None:
    cut = presentable("x" * (MAX_MESSAGE - 1 - left) + "sk-12" + "y" * 9)
    assert without_remains(cut, ["other", "sk-12"]) == "x" * (MAX_MESSAGE - 1 - left) + "…"


def test_what_was_not_cut_is_left_alone() -> None:
    assert without_remains("the end is sk", ["sk-12"]) == "the end is sk"
    assert without_remains("nothing of it…", ["sk-12"]) == "nothing of it…"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"", "status 404)"),
        (404, b"<html>Not Found</html>", "status 404)"),
        (404, b"404 page not found\n", "status 404, 404 page not found)"),
        (404, b'{"detail":"Not Found"}', "status 404)"),
        (405, b'{"detail":"Method Not Allowed"}', "status 405)"),
    ],
)
def test_where_nobody_speaks_the_protocol_the_address_is_wrong(
    status: int, body: bytes, said: str
) -> None:
    error = wrong_address(ResponseHead(status, {}), body)
    assert error is not None
    assert (error.reason.name, error.retryable) == ("PROVIDER_PROTOCOL_ERROR", False)
    assert error.upstream_status == status
    assert error.message == (
        f"nothing of the provider's is at this address ({said}: its base_url may be wrong"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b'{"error":{"code":"model_not_found"}}'), (400, b""), (500, b"<html>"), (404, b"[]")],
)
def test_what_a_provider_says_itself_is_not_about_the_address(status: int, body: bytes) -> None:
    assert wrong_address(ResponseHead(status, {}), body) is None
