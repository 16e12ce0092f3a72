"""Where Redis is. Nothing of a client is imported here: settings are checked without one."""

from urllib.parse import unquote, urlsplit

import attrs

_FORMS = (
    "must be redis://HOST:PORT/DATABASE, rediss://... for TLS, or unix:///PATH, with"
    " USER:PASSWORD@ ahead of the host where it asks for them, special characters as %XX"
)


@attrs.frozen
class RedisAddress:
    """One Redis.

    Attributes:
        path: Of its socket; empty: at `host` and `port`.
        tls: Whether it is spoken to over TLS; its certificate must be valid for `host`.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    tls: bool = False
    database: int = 0
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        """Name the place, without user and password."""
        if self.path:
            return f"unix://{self.path}?db={self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}/{self.database}"


def redis_address(url: str) -> RedisAddress:
    """Return the place that `url` names.

    Raises:
        ValueError: It names none; the message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_FORMS) from None
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix" and parts.path and not host:
        name, _, number = parts.query.partition("=")
        if parts.query and name != "db":
            raise ValueError(_FORMS)
        return RedisAddress(
            path=unquote(parts.path),
            database=_database(number),
            username=user,
            password=password,
        )
    if parts.scheme not in ("redis", "rediss") or not host or parts.query or parts.fragment:
        raise ValueError(_FORMS)
    return RedisAddress(
        host=host,
        port=6379 if port is None else port,
        tls=parts.scheme == "rediss",
        database=_database(parts.path.removeprefix("/")),
        username=user,
        password=password,
    )


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError(_FORMS)
    return int(text or 0)
