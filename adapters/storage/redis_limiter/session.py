"""One connection to Redis, from its beginning to its end."""

import logging
import ssl

import anyio
import attrs
from anyio.abc import TaskStatus
from coredis.connection import (
    BaseConnection,
    TCPConnection,
    TCPLocation,
    UnixDomainSocketConnection,
    UnixDomainSocketLocation,
)
from coredis.exceptions import ConnectionError as NotConnected
from coredis.exceptions import RedisError

from adapters.storage.redis_limiter.address import RedisAddress

# It tells everything with a traceback; we tell what matters in a sentence.
logging.getLogger("coredis").addHandler(logging.NullHandler())
logging.getLogger("coredis").propagate = False


@attrs.define(eq=False)
class Session(TaskStatus[None]):
    """One connection.

    Attributes:
        why: Why it ended.
        ready: Set once it can be used, or has ended.
        over: Set once it has ended.
    """

    connection: BaseConnection
    why: str = "the connection was lost"
    ready: anyio.Event = attrs.field(factory=anyio.Event)
    over: anyio.Event = attrs.field(factory=anyio.Event)

    def started(self, value: None = None) -> None:
        """Be ready."""
        self.ready.set()

    async def run(self) -> None:
        """Be there until the connection is lost."""
        try:
            await self.connection.run(task_status=self)
        except RedisError as error:
            self.why = said(error)
        finally:
            # What it leaves open where it could not connect.
            self.connection._write_buffer_in.close()
            self.connection._write_buffer_out.close()
            self.connection._push_message_buffer_in.close()
            self.connection._push_message_buffer_out.close()
            self.connection._streamed_message_buffer_in.close()
            self.connection._streamed_message_buffer_out.close()
            self.over.set()
            self.ready.set()


def connection_to(address: RedisAddress, timeout_s: float) -> BaseConnection:
    """Return a connection to `address` that is not made yet."""
    if address.path:
        return UnixDomainSocketConnection(
            UnixDomainSocketLocation(address.path),
            username=address.username,
            password=address.password,
            db=address.database,
            connect_timeout=timeout_s,
            stream_timeout=timeout_s,
        )
    return TCPConnection(
        TCPLocation(address.host, address.port),
        username=address.username,
        password=address.password,
        db=address.database,
        connect_timeout=timeout_s,
        stream_timeout=timeout_s,
        ssl_context=ssl.create_default_context() if address.tls else None,
    )


def said(error: BaseException) -> str:
    """Return what `error` says, in one line; Redis never repeats a password."""
    if isinstance(error, NotConnected) and error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
