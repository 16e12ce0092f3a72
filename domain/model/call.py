"""One call: a request with its identity, and the ledger of what was tried for it."""

import secrets
from collections.abc import Callable
from enum import StrEnum

import attrs

from domain.model.caller import ANONYMOUS, Caller
from domain.model.chat import ChatRequest
from domain.model.errors import ErrorReason
from domain.model.response_cache import CacheStatus
from domain.model.target import Target
from domain.model.usage import Attempt
from domain.model.watch import ServedWatch


class Delivery(StrEnum):
    """How the caller wants the answer; the events are the same either way."""

    STREAMED = "streamed"
    WHOLE = "whole"


@attrs.define
class Ledger:
    """What is known of one call while it is served.

    Attributes:
        attempts: Oldest first, settled or served.
        queued_s: How long the call has waited for its limits, in seconds.
        paused_s: How long it has rested between attempts, in seconds.
        counted: Whether the call counts among the requests of its caller already.
        drained: Whether the call is cancelled because the service goes away, and not by its caller.
        stopped: Whether an operator has ended the call: then its answer is not read on.
        left: Why the caller is gone, if its answer is read on for the account alone.
        asked: Called when a provider is about to be asked, if anybody wants to know.
        overdue: Whether the call is cancelled because nobody had time left for it; ``None``: if its own
            deadline has passed.
        cache_status: Where the answer came from, if the call asked for more than a provider.
        watch: Who watches the call, if anybody does.
        said: The beginning of the answer, if it is to be logged.
        signed: The digest of a request of this call, once somebody wanted to know it.
        of: The call's own ledger, where this is that of one of several attempts at the same time.
        lost: Whether another of those was sooner.
        due_s: When the caller's deadline passes, on the event loop's clock, infinite where it has none;
            ``None``: it is the event loop's to say, at some length.
    """

    attempts: list[Attempt] = attrs.field(factory=list)
    queued_s: float = 0.0
    paused_s: float = 0.0
    counted: bool = False
    drained: bool = False
    stopped: bool = False
    left: ErrorReason | None = None
    asked: Callable[[], None] | None = None
    overdue: bool | None = None
    cache_status: CacheStatus | None = None
    watch: ServedWatch | None = attrs.field(default=None, repr=False)
    said: list[str] | None = attrs.field(default=None, repr=False)
    signed: tuple[ChatRequest, bytes] | None = attrs.field(default=None, repr=False)
    of: "Ledger | None" = attrs.field(default=None, repr=False)
    lost: bool = False
    due_s: float | None = None

    @property
    def whole(self) -> "Ledger":
        """The call's own ledger, which knows what becomes of the call."""
        return self if self.of is None else self.of

    def enter(self, attempt: Attempt) -> None:
        """Take note of an attempt that is over."""
        self.attempts.append(attempt)
        if self.of is not None:
            self.of.attempts.append(attempt)

    def apart(self) -> "Ledger":
        """Return a ledger for one of several attempts at the same time."""
        return Ledger(
            counted=self.counted,
            asked=self.asked,
            watch=self.watch,
            said=self.said,
            of=self,
            due_s=self.due_s,
        )


def new_request_id() -> str:
    """Return an id for a call that has none."""
    return secrets.token_hex(16)


@attrs.frozen(kw_only=True)
class ChatCall:
    """A request on its way.

    Attributes:
        request_id: 1-128 visible ASCII characters; the same in the reply, the
            log and the records.
        delivery: Whether the provider is asked to stream. A whole answer is far
            cheaper and comes as few large events.
        plan: Where it may be answered, first choice first, which is what the request names; empty
            until its names are resolved.
        resume_from: The number of the last event that the caller has of an earlier try, from 0; ``None``:
            this is the first.
        public: The public name that was asked for; empty: a model of a provider was.
        ledger: Grows while the call is served; shared by everything derived
            from this call.
        traceparent: Of the trace that this is part of (W3C); empty: of none.
        tracestate: What others have said of that trace.
    """

    request: ChatRequest
    caller: Caller = ANONYMOUS
    request_id: str = attrs.field(factory=new_request_id)
    delivery: Delivery = Delivery.STREAMED
    plan: tuple[Target, ...] = ()
    resume_from: int | None = None
    public: str = ""
    ledger: Ledger = attrs.field(factory=Ledger, eq=False)
    traceparent: str = ""
    tracestate: str = ""

    def planned(self, plan: tuple[Target, ...], public: str) -> "ChatCall":
        """Return this call as it goes to the places of `plan`, of which its request names the first."""
        request, first = self.request, plan[0]
        if request.provider != first.provider or request.model != first.model:
            request = _asked_of(request, first)
        # Not evolved, which costs every call four times as much.
        return ChatCall(
            request=request,
            caller=self.caller,
            request_id=self.request_id,
            delivery=self.delivery,
            plan=plan,
            resume_from=self.resume_from,
            public=public,
            ledger=self.ledger,
            traceparent=self.traceparent,
            tracestate=self.tracestate,
        )


def _asked_of(request: ChatRequest, target: Target) -> ChatRequest:
    # Not evolved, which costs twice as much.
    return ChatRequest(
        provider=target.provider,
        model=target.model,
        messages=request.messages,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        max_tokens=request.max_tokens,
        stop=request.stop,
        seed=request.seed,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        cache_control=request.cache_control,
        tools=request.tools,
        tool_choice=request.tool_choice,
        parallel_tool_calls=request.parallel_tool_calls,
        response_format=request.response_format,
        reasoning=request.reasoning,
        timeouts=request.timeouts,
        routing=request.routing,
        on_disconnect=request.on_disconnect,
        response_cache=request.response_cache,
        idempotency_key=request.idempotency_key,
        labels=request.labels,
        end_user=request.end_user,
        unsupported_params=request.unsupported_params,
        provider_options=request.provider_options,
    )
