"""Two ways to make the calls of the fault kit: over gRPC, and in process."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from adapters.faults.format import TEXT
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import TextDelta
from domain.services.service import Service
from entrypoints.client.client import Client
from entrypoints.client.errors import CallFailed
from entrypoints.faults.expectations import Told
from entrypoints.faults.rows import Row, Seen
from entrypoints.grpc.pb import llm_service_pb2 as pb

Caller: TypeAlias = Callable[[Row], Awaitable[Seen]]
"""Makes the call of a row; the row's key is its request id."""

CALL_S = 40.0
"""Longest that one call may take, in seconds, before it is given up."""
_QUESTION = "How is the weather?"


def over_grpc(client: Client, hasty_s: float) -> Caller:
    """Return what asks through `client`; callers in a hurry wait `hasty_s` for anything."""

    async def ask(row: Row) -> Seen:
        request = pb.LLMRequest(provider=row.key, model=row.format.model)
        request.messages.add(role="user", content=_QUESTION)
        if row.hasty:
            request.timeouts.first_token.FromMilliseconds(round(hasty_s * 1000))
            request.timeouts.idle.FromMilliseconds(round(hasty_s * 1000))
        said: list[str] = []
        try:
            attempts = await _ASKED[row.delivery](client, row.key, request, said)
        except CallFailed as failed:
            return Seen(
                reason=ErrorReason[failed.reason] if failed.reason else None,
                told=told("".join(said)),
                retry_after_s=failed.retry_after_s,
                message=failed.message,
                attempts=len(failed.attempts),
            )
        return Seen(reason=None, told=told("".join(said)), attempts=attempts)

    return ask


async def _stream(client: Client, id_: str, request: pb.LLMRequest, said: list[str]) -> int:
    attempts = 0
    opened = client.invoke_stream(request, timeout_s=CALL_S, metadata=_named(id_))
    async with opened as events:
        async for event in events:
            said.append(event.content)
            attempts = len(event.finish.attempts)
    return attempts


async def _invoke(client: Client, id_: str, request: pb.LLMRequest, said: list[str]) -> int:
    response = await client.invoke(request, timeout_s=CALL_S, metadata=_named(id_))
    said.append(response.content)
    return len(response.attempts)


def _named(id_: str) -> list[tuple[str, str]]:
    return [("x-request-id", id_)]


_ASKED = {Delivery.STREAMED: _stream, Delivery.WHOLE: _invoke}


def in_process(service: Service) -> Caller:
    """Return what asks `service` itself; no caller is in a hurry: that is for clocks that can jump."""

    async def ask(row: Row) -> Seen:
        question = Message(role=Role.USER, parts=(Text(text=_QUESTION),))
        call = ChatCall(
            request=ChatRequest(
                provider=row.key,
                model=row.format.model,
                messages=(question,),
            ),
            request_id=row.key,
            delivery=row.delivery,
        )
        said: list[str] = []
        error: ChatError | None = None
        try:
            async with service.stream(call) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        # One by one: what came before an error counts.
                        said.append(event.text)  # noqa: PERF401
        except ChatError as failed:
            error = failed
        # A whole answer that failed has told its client nothing.
        text = "" if error and row.delivery is Delivery.WHOLE else "".join(said)
        return Seen(
            reason=error.reason if error else None,
            told=told(text),
            retry_after_s=error.retry_after_s if error else None,
            message=error.message if error else "",
            attempts=len(call.ledger.attempts),
        )

    return ask


def told(text: str) -> Told:
    """Return how much of the answer `text` is.

    Raises:
        ValueError: It is no beginning of it.
    """
    if not TEXT.startswith(text):
        raise ValueError(f"the client was told {text!r}, which nobody said")
    if text == TEXT:
        return Told.ALL
    return Told.SOME if text else Told.NOTHING
