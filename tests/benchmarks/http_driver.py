"""Our driver over our transport, for `tests.benchmarks.http_clients`; nothing around it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from adapters.http.chat_model import HttpChatModel
from adapters.http.endpoint import Credential, Endpoint
from adapters.http.transport.opening import open_transport
from adapters.providers.compatible.codec import CompatibleConfig, compatible_codec
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from tests.benchmarks.http_clients import PROMPT


@asynccontextmanager
async def opened(url: str, streamed: bool) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Open the driver; what it gives makes one call and reads its events."""
    said = Message(role=Role.USER, parts=(Text(text=PROMPT),))
    request = ChatRequest(model="m", messages=(said,), max_tokens=256)
    delivery = Delivery.STREAMED if streamed else Delivery.WHOLE
    async with open_transport() as transport:
        model = HttpChatModel(
            codec=compatible_codec(CompatibleConfig(name="far", models=("m",))),
            endpoint=Endpoint(base_url=url, credential=Credential("key", "sk-bench")),
            transport=transport,
        )

        async def once() -> None:
            call = ChatCall(request=request, request_id="call-1", delivery=delivery)
            async with model.stream(call) as events:
                async for _ in events:
                    pass

        yield once
