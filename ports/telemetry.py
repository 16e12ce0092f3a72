"""Who watches the service: metrics, traces, logs, and whoever looks on."""

from typing import Protocol

import attrs

from domain.model.call import ChatCall
from domain.model.caller import Caller
from domain.model.embedding import EmbeddingCall
from domain.model.watch import ServedWatch


class LiveCall(Protocol):
    """One call from outside, from its headers to its status; change nothing but `traceparent`.

    Attributes:
        request_id: Of the call.
        method: ``package.Service/Method`` as the client wrote it, which may be anything.
        peer: The client's address.
        caller: For whom it is made; anonymous until that is known.
        started_s: On the event loop's clock.
        asked: What is asked for, with the ledger of what was tried; ``None`` until that is known, and for
            calls that ask no model.
        tracestate: What others have said of that trace (W3C); passed on as it came.
        traceparent: Of the trace it is part of (W3C): the client's own, or empty. Whoever keeps traces puts
            that of its own span here, when the call begins.
    """

    traceparent: str

    @property
    def request_id(self) -> str: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def peer(self) -> str: ...  # noqa: D102
    @property
    def caller(self) -> Caller: ...  # noqa: D102
    @property
    def started_s(self) -> float: ...  # noqa: D102
    @property
    def asked(self) -> ChatCall | EmbeddingCall | None: ...  # noqa: D102

    @property
    def tracestate(self) -> str: ...  # noqa: D102

    def stop(self) -> None:
        """End the call, as an operator; its client is told CANCELLED."""
        ...


@attrs.frozen
class CallEnd:
    """How a call ended.

    Attributes:
        code: Name of the status; ``CANCELLED`` where nobody was listening any more.
        reason: Why, in a word of the vocabulary of failures; empty: it was served.
        duration_s: From its headers to its status, in seconds.
        heard: Whether the client was told.
    """

    code: str
    reason: str
    duration_s: float
    heard: bool = True


class CallWatch(ServedWatch, Protocol):
    """Watches one call."""

    def ended(self, call: LiveCall, end: CallEnd, /) -> None:
        """Know that the call is over; told once."""
        ...


class Telemetry(Protocol):
    """Watches all calls; the laws of `domain.model.watch` hold."""

    def call(self, call: LiveCall, /) -> CallWatch | None:
        """Know that a call has begun, and say who watches it; None: nobody needs to hear more of it."""
        ...

    def rejected(self, code: str, reason: str, /) -> None:
        """Know that something came that is no call, and what it was told."""
        ...
