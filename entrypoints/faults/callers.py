"""Two ways to make the calls of the fault kit: over gRPC, and in process."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs

from adapters.faults.format import TEXT
from domain.model.call import ChatCall, Delivery
from domain.model.chat import ChatRequest, Message, Role, Text
from domain.model.errors import ChatError, ErrorReason
from domain.model.events import RouteChanged, TextDelta
from domain.model.routing import MidStream, Routing
from domain.model.target import Target
from domain.services.service import Service
from entrypoints.client.client import Client
from entrypoints.client.errors import CallFailed
from entrypoints.faults.expectations import Told
from entrypoints.faults.rows import Row
from entrypoints.faults.verdict import Seen
from entrypoints.grpc.pb import llm_service_pb2 as pb

Caller: TypeAlias = Callable[[Row], Awaitable[Seen]]
"""Makes the call of a row; the row's key is its request id."""

CALL_S = 40.0
"""Longest that one call may take, in seconds, before it is given up."""
_QUESTION = "How is the weather?"


@attrs.define
class _Saying:
    """What a client was told so far, and what it was told to forget.

    Attributes:
        pieces: With their number in the stream.
    """

    pieces: list[tuple[int, str]] = attrs.field(factory=list)
    attempts: int = 0
    restarts: int = 0

    def discard(self, start: int) -> None:
        """Forget all from number `start` on."""
        self.restarts += 1
        self.pieces = [each for each in self.pieces if each[0] < start]

    @property
    def told(self) -> Told:
        """How much of the answer is left."""
        return told("".join(text for _, text in self.pieces))


def over_grpc(client: Client, hasty_s: float) -> Caller:
    """Return what asks through `client`; callers in a hurry wait `hasty_s` for anything."""

    async def ask(row: Row) -> Seen:
        saying = _Saying()
        try:
            await _ASKED[row.delivery](client, row.key, _message(row, hasty_s), saying)
        except CallFailed as failed:
            return Seen(
                reason=ErrorReason[failed.reason] if failed.reason else None,
                told=saying.told,
                retry_after_s=failed.retry_after_s,
                message=failed.message,
                attempts=len(failed.attempts),
                restarts=saying.restarts,
            )
        return Seen(
            reason=None,
            told=saying.told,
            attempts=saying.attempts,
            restarts=saying.restarts,
        )

    return ask


def _message(row: Row, hasty_s: float) -> pb.LLMRequest:
    trial = row.trial
    request = pb.LLMRequest(provider=row.key, model=row.format.model)
    request.messages.add(role="user", content=_QUESTION)
    request.routing.max_attempts = trial.max_attempts
    if trial.fallback:
        request.routing.fallbacks.add(provider=row.other, model=row.format.model)
    if trial.resend:
        request.routing.retry_after_accept = True
        request.routing.mid_stream = pb.MID_STREAM_POLICY_RESTART_WITH_MARKER
    if row.hasty:
        request.timeouts.first_token.FromMilliseconds(round(hasty_s * 1000))
        request.timeouts.idle.FromMilliseconds(round(hasty_s * 1000))
    return request


async def _stream(client: Client, id_: str, request: pb.LLMRequest, saying: _Saying) -> None:
    opened = client.invoke_stream(request, timeout_s=CALL_S, metadata=_named(id_))
    async with opened as events:
        async for event in events:
            if event.type == pb.STREAM_EVENT_TYPE_ROUTE_CHANGED:
                saying.discard(event.route_changed.discard_from_sequence)
            saying.pieces.append((event.sequence, event.content))
            saying.attempts = len(event.finish.attempts)


async def _invoke(client: Client, id_: str, request: pb.LLMRequest, saying: _Saying) -> None:
    response = await client.invoke(request, timeout_s=CALL_S, metadata=_named(id_))
    saying.pieces.append((0, response.content))
    saying.attempts = len(response.attempts)


def _named(id_: str) -> list[tuple[str, str]]:
    return [("x-request-id", id_)]


_ASKED = {Delivery.STREAMED: _stream, Delivery.WHOLE: _invoke}


def in_process(service: Service) -> Caller:
    """Return what asks `service` itself; no caller is in a hurry: that is for clocks that can jump."""

    async def ask(row: Row) -> Seen:
        call = ChatCall(request=_request(row), request_id=row.key, delivery=row.delivery)
        saying = _Saying()
        error: ChatError | None = None
        try:
            async with service.stream(call) as events:
                async for event in events:
                    if isinstance(event, RouteChanged):
                        saying.discard(0)
                    elif isinstance(event, TextDelta):
                        saying.pieces.append((0, event.text))
        except ChatError as failed:
            error = failed
        # A whole answer that failed has told its client nothing.
        if error and row.delivery is Delivery.WHOLE:
            saying.pieces.clear()
        return Seen(
            reason=error.reason if error else None,
            told=saying.told,
            retry_after_s=error.retry_after_s if error else None,
            message=error.message if error else "",
            attempts=len(call.ledger.attempts),
            restarts=saying.restarts,
        )

    return ask


def _request(row: Row) -> ChatRequest:
    trial, model = row.trial, row.format.model
    return ChatRequest(
        provider=row.key,
        model=model,
        messages=(Message(role=Role.USER, parts=(Text(text=_QUESTION),)),),
        routing=Routing(
            max_attempts=trial.max_attempts,
            fallbacks=(Target(row.other, model),) if trial.fallback else (),
            retry_after_accept=trial.resend,
            mid_stream=MidStream.RESTART_WITH_MARKER if trial.resend else MidStream.FAIL,
        ),
    )


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
