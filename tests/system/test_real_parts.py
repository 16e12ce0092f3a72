"""The servers that tests run against are real, fresh, and can be stopped and started."""

import psycopg
import pytest

from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.redis import RedisServer
from tests.support.servers import absent


def test_a_fresh_database_is_empty_and_asks_for_its_password(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone()
    assert row == (0,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres_url.replace(PASSWORD, "wrong"))


def test_a_database_survives_a_stop_and_is_away_meanwhile(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept (id integer)")
    postgres_server.stop()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres_url)
    postgres_server.start()
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_redis_answers_and_starts_empty(redis_server: RedisServer, redis_url: str) -> None:
    assert redis_server.command("SET", "a", "1") == b"+OK\r\n"
    redis_server.stop()
    with pytest.raises(OSError, match="refused"):
        redis_server.command("PING")
    redis_server.start()
    assert redis_server.command("GET", "a") == b"$-1\r\n"
    assert str(redis_server.port) in redis_url


def test_what_is_not_installed_is_skipped_but_never_in_continuous_integration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install redis-server"):
        absent("Redis", "redis-server")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install redis-server"):
        absent("Redis", "redis-server")
