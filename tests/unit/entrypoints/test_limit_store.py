"""Where limits are kept: what is wrong is said with its remedy, and no password is ever shown."""

import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.storage.memory_limiter import MemoryLimiter, NothingSpent
from domain.model.errors import ErrorReason, LimitExceeded
from domain.policy.limits import SERVICE, Limit, LimitKind, Need
from entrypoints.cli.in_force import in_force
from entrypoints.limit_store import LimitsUnusable, open_limiter, redis_place, redis_silence
from entrypoints.settings.limits import LimitSettings
from entrypoints.settings.loading import SettingsError, load_settings, structure
from entrypoints.settings.tree import Settings

ONE = Limit(SERVICE, LimitKind.PARALLEL_CALLS, 1)


def limits(**values: Any) -> LimitSettings:
    return structure({"limits": values}).limits


def tell(_: str) -> None:
    pass


async def test_without_redis_each_process_keeps_its_own() -> None:
    async with open_limiter(limits(), {}, tell, NothingSpent()) as books:
        assert isinstance(books, MemoryLimiter)


def test_the_address_is_a_setting_or_in_a_variable_or_in_a_file(tmp_path: Path) -> None:
    assert str(redis_place(limits(redis_url="redis://h:1"), {})) == "redis://h:1/0"
    file = tmp_path / "url"
    file.write_text("rediss://:p@h\n")
    for environment in (
        {"LLMSERVICE_REDIS_URL": "rediss://:p@h"},
        {"LLMSERVICE_REDIS_URL_FILE": str(file)},
    ):
        # It is no setting of the tree, and no unknown one.
        load_settings(None, environment)
        found = redis_place(limits(), environment)
        assert (found.password, str(found)) == ("p", "rediss://h:6379/0")
    assert redis_place(limits(redis_url_env="MINE"), {"MINE": "redis://m"}).host == "m"


@pytest.mark.parametrize(
    ("values", "environment", "remedy"),
    [
        ({}, {}, "set limits.redis_url, LLMSERVICE_REDIS_URL, or LLMSERVICE_REDIS_URL_FILE"),
        ({}, {"LLMSERVICE_REDIS_URL": "s3cret"}, "LLMSERVICE_REDIS_URL .* must be redis://"),
        ({}, {"LLMSERVICE_REDIS_URL_FILE": "/none"}, "/none .* cannot be read"),
        ({"redis_url_env": "redis://:s3cret@h"}, {}, "must be the name of a variable"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(
    values: Any, environment: Any, remedy: str
) -> None:
    with pytest.raises(LimitsUnusable, match=remedy) as caught:
        redis_place(limits(**values), environment)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"redis_url": "redis://u:s3cret@h"}, "limits.redis_url.*redis_url_env"),
        ({"redis_url": "s3cret"}, "limits.redis_url.*must be redis://"),
        ({"store": "s3"}, "limits.store"),
        ({"redis_away": "panic"}, "limits.redis_away"),
        ({"redis_prefix": "a{b}"}, "limits.redis_prefix"),
        ({"redis_timeout_s": 0}, "limits.redis_timeout_s"),
        ({"redis_lease_s": 0.5}, "limits.redis_lease_s"),
    ],
)
def test_what_makes_no_sense_is_named(values: Any, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        limits(**values)
    assert "s3cret" not in str(caught.value)


def test_what_is_in_force_shows_no_password() -> None:
    misplaced = Settings(limits=LimitSettings(redis_url_env="redis://:s3cret@h"))
    assert "s3cret" not in "\n".join(in_force(misplaced))


async def test_redis_without_its_client_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [each for each in sys.modules if each.startswith("adapters.storage.redis_lim")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "coredis.connection", None)
    configured = limits(store="redis", redis_url="redis://h")
    with pytest.raises(LimitsUnusable, match=r"install llmservice\[redis\]"):
        async with open_limiter(configured, {}, tell, NothingSpent()):
            raise AssertionError


@pytest.mark.parametrize("away", ["refuse", "local"])
async def test_while_redis_is_away_calls_go_as_was_chosen(away: str) -> None:
    # Nobody listens at a port of ours.
    configured = limits(store="redis", redis_url="redis://127.0.0.1:1", redis_away=away)
    async with open_limiter(configured, {}, tell, NothingSpent()) as books:
        if away == "refuse":
            with pytest.raises(LimitExceeded) as caught:
                async with books.reserved((ONE,), Need(), 0):
                    raise AssertionError
            assert caught.value.reason is ErrorReason.SERVICE_OVERLOADED
            return
        async with books.reserved((ONE,), Need(), 0):
            with pytest.raises(LimitExceeded):
                async with books.reserved((ONE,), Need(), 0):
                    raise AssertionError


async def test_whether_redis_answers_is_said_without_its_password(redis_url: str) -> None:
    assert await redis_silence(limits(), {}) is None
    there = {"LLMSERVICE_REDIS_URL": redis_url}
    assert await redis_silence(limits(store="redis"), there) is None
    there = {"LLMSERVICE_REDIS_URL": "redis://:s3cret@127.0.0.1:1"}
    silence = await redis_silence(limits(store="redis"), there)
    assert silence is not None
    assert "redis://127.0.0.1:1/0 is away" in silence
    assert "s3cret" not in silence
    # It knows no such user.
    there = {"LLMSERVICE_REDIS_URL": redis_url.replace("//", "//nobody:s3cret@")}
    silence = await redis_silence(limits(store="redis"), there)
    assert silence is not None
    assert "is away: " in silence
    assert "invalid username-password" in silence.lower()
    assert "s3cret" not in silence
