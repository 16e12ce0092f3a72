"""Where Redis is: what is not understood is refused, and never repeated."""

import pytest

from adapters.storage.redis_limiter.address import RedisAddress, redis_address


@pytest.mark.parametrize(
    ("url", "meant", "shown"),
    [
        ("redis://h", RedisAddress("h"), "redis://h:6379/0"),
        ("redis://h:1/2", RedisAddress("h", 1, database=2), "redis://h:1/2"),
        ("rediss://[::1]:1", RedisAddress("::1", 1, tls=True), "rediss://[::1]:1/0"),
        (
            "redis://u:p%40%2Fss@h",
            RedisAddress("h", username="u", password="p@/ss"),
            "redis://h:6379/0",
        ),
        ("redis://:p@h", RedisAddress("h", password="p"), "redis://h:6379/0"),
        ("unix:///run/r.sock", RedisAddress(path="/run/r.sock"), "unix:///run/r.sock?db=0"),
        ("unix:///r?db=3", RedisAddress(path="/r", database=3), "unix:///r?db=3"),
    ],
)
def test_a_url_names_a_place(url: str, meant: RedisAddress, shown: str) -> None:
    assert redis_address(url) == meant
    assert str(meant) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:6379",
        "http://s3cret@h",
        "redis://",
        "redis://:s3cret@",
        "redis://h/s3cret",
        "redis://h:s3cret",
        "redis://h?password=s3cret",
        "unix://s3cret/r",
        "unix:///r?password=s3cret",
        "redis://[s3cret",
    ],
)
def test_what_names_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="must be redis://HOST") as caught:
        redis_address(url)
    assert "s3cret" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    assert "s3cret" not in repr(redis_address("redis://u:s3cret@h"))
