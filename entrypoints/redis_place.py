"""Where a Redis is that a section of the settings speaks of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from adapters.storage.redis_limiter.address import RedisAddress, redis_address
from entrypoints.credentials import VARIABLE


class PlaceUnknown(Exception):
    """Nothing says where Redis is, or what does makes no sense; the message holds no secret."""


class NamesRedis(Protocol):
    """A section that says where Redis is."""

    @property
    def redis_url(self) -> str:
        """Its address; empty: in the variable."""
        ...

    @property
    def redis_url_env(self) -> str:
        """The variable."""
        ...


def redis_place(section: str, settings: NamesRedis, environment: Mapping[str, str]) -> RedisAddress:
    """Return where the Redis of `section` is; its password is not part of how it is shown.

    Raises:
        PlaceUnknown: Nothing says so, or what does makes no sense.
    """
    if settings.redis_url:
        return redis_address(settings.redis_url)
    variable = settings.redis_url_env
    if not VARIABLE.fullmatch(variable):
        raise PlaceUnknown(f"{section}.redis_url_env must be the name of a variable")
    try:
        return redis_address(_value(section, variable, environment))
    except ValueError as error:
        raise PlaceUnknown(f"{variable} ({section}.redis_url_env) {error}") from None


def _value(section: str, variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "").strip()
    file = environment.get(f"{variable}_FILE")
    if not value and file:
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise PlaceUnknown(f"{file} ({variable}_FILE) cannot be read as text") from None
    if not value:
        raise PlaceUnknown(
            f'{section}.store = "redis" needs its address: set {section}.redis_url, {variable}, or'
            f" {variable}_FILE to a file that holds it"
        )
    return value
