"""Fixtures that tests of several folders share: real servers, each started once, when the first test asks."""

from tests.support.postgres import postgres_server, postgres_url
from tests.support.redis import redis_server, redis_url

__all__ = ["postgres_server", "postgres_url", "redis_server", "redis_url"]
