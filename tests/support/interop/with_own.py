"""The project's own client; it streams answers, and sends one message a call."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import attrs

from entrypoints.client.client import Client, connect
from entrypoints.client.errors import CallFailed
from entrypoints.client.tls import Tls
from tests.support.interop.cases import Answer, Both, Failed, Metadata
from tests.support.interop.messages import KINDS
from tests.support.interop.where import Where

_ONE = "it sends one message a call"
UNFIT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "client_streaming",
            "client_compressed_streaming",
            "ping_pong",
            "empty_stream",
            "cancel_after_begin",
            "cancel_after_first_response",
            "timeout_on_sleeping_server",
            "status_code_and_message",
            "custom_metadata",
        ),
        _ONE,
    ),
    "client_compressed_unary": "it does not compress",
}


async def connected(where: Where) -> "Caller":
    tls = None
    if where.security == "tls":
        tls = Tls(ca=where.ca)
    elif where.security == "mtls":
        tls = Tls(ca=where.ca, certificate=where.certificate, key=where.key)
    stack = AsyncExitStack()
    return Caller(stack, await stack.enter_async_context(connect(where.address, tls=tls)))


@attrs.frozen
class Caller:
    stack: AsyncExitStack
    client: Client

    async def unary(
        self, path: str, message: Any, *, metadata: Metadata = (), gzip: bool = False
    ) -> Answer:
        try:
            reply = await self.client.unary(
                path, message, KINDS[path.rpartition("/")[2]][1], metadata=metadata
            )
        except CallFailed as failure:
            raise Failed(failure.code.value, failure.message) from None
        return Answer(reply.message, reply.initial_metadata, reply.trailing_metadata)

    async def out(self, path: str, message: Any) -> list[Any]:
        found: list[Any] = []
        async with self.client._call(path, message, None, ()) as call:
            while (payload := await call.message()) is not None:
                found.append(KINDS[path.rpartition("/")[2]][1].FromString(payload))
        return found

    async def in_(self, path: str, messages: Sequence[Any], *, gzip: bool = False) -> Any:
        raise NotImplementedError(_ONE)

    async def both(
        self, path: str, *, metadata: Metadata = (), timeout_s: float | None = None
    ) -> Both:
        raise NotImplementedError(_ONE)

    async def cancelled_upload(self, path: str) -> int:
        raise NotImplementedError(_ONE)

    async def close(self) -> None:
        await self.stack.aclose()
