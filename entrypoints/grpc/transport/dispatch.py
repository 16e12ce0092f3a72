"""From a call's headers to its status: what comes first, look-up, handler, and one exit.

The one place where any exception is caught. What it means is decided by a function given from outside; here
it is only kept from harming the other calls of the connection.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from types import CoroutineType
from typing import TypeAlias

import attrs
from google.protobuf.message import Message
from purerpc import Cardinality, RpcFailedError, RPCSignature, Service, Status, StatusCode

from domain.groups import single_error_unwrapped
from entrypoints.grpc.transport.call import Ending, ServerCall
from entrypoints.grpc.transport.engine import Headers
from entrypoints.grpc.transport.headers import CallHead, Rejection, status_trailers

Step: TypeAlias = Callable[[ServerCall], Awaitable[None] | None]
"""What is done ahead of a call's handler, and waited for if it says so; one that raises ends the call."""


def _name_of(status: "CallStatus") -> str:
    return str(status.code.name)


def _trailers_of(status: "CallStatus") -> Headers:
    return status_trailers(status.code, status.message, status.details)


@attrs.frozen
class CallStatus:
    """How a call ends.

    Attributes:
        message: For the caller; holds nothing of the inside.
        details: A serialised google.rpc.Status, or empty.
        reason: Why, in a word, for whoever sees the call end; not sent.
        name: Of the code. An enum's costs a call that it can do without.
        trailers: The fields that say so.
    """

    code: StatusCode
    message: str = ""
    details: bytes = b""
    reason: str = ""
    name: str = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_name_of, takes_self=True)
    )
    trailers: Headers = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_trailers_of, takes_self=True)
    )


Over: TypeAlias = Callable[[ServerCall, bool, Exception | None], None]
"""Takes whether a call was served, and what was raised, once it is over, in its task; must not raise."""
OK = CallStatus(StatusCode.OK)
DRAINED = CallStatus(StatusCode.UNAVAILABLE, "the server is going away")
STOPPED = CallStatus(StatusCode.CANCELLED, "an operator ended the call")


def _plainly(rejection: Rejection, headers: Headers, peer: str) -> tuple[CallStatus, Headers]:
    return CallStatus(rejection.code, rejection.message), ()


@attrs.frozen(kw_only=True)
class Endings:
    """What the ends of a call mean to the caller.

    Attributes:
        failed: A handler, or what comes ahead of it, raised; called inside the call's task,
            so that it may log the traceback. Must not raise.
        deadline: The caller's deadline passed.
        cut: The call is about to be cancelled because the server goes away.
        drained: It was.
        stopped: It was cancelled by an operator.
        rejected: Headers came that are no call; they and the peer's address are given, too. Returns what
            the answer carries. Must not raise.
        ended: Told of every end, last; the status is None where nobody was listening any more.
    """

    failed: Callable[[ServerCall, Exception], CallStatus]
    deadline: Callable[[ServerCall], CallStatus]
    cut: Callable[[ServerCall], None] = lambda call: None
    drained: Callable[[ServerCall], CallStatus] = lambda call: DRAINED
    stopped: Callable[[ServerCall], CallStatus] = lambda call: STOPPED
    rejected: Callable[[Rejection, Headers, str], tuple[CallStatus, Headers]] = _plainly
    ended: Callable[[ServerCall, CallStatus | None], None] = lambda call, status: None


@attrs.frozen
class _Method:
    """A method, and what of its signature every call needs."""

    function: Callable[..., object]
    request_type: type[Message]
    streamed_in: bool
    one_out: bool

    @classmethod
    def of(cls, function: Callable[..., object], signature: RPCSignature) -> "_Method":
        cardinality = signature.cardinality
        streamed_in, one_out = cardinality in _STREAMED_IN, cardinality in _ONE_OUT
        return cls(function, signature.request_type, streamed_in, one_out)

    async def answer(self, call: ServerCall, result: object) -> None:
        """Send what the handler has returned."""
        if isinstance(result, Message):
            await call.send(result)
        elif isinstance(result, AsyncIterator):
            await _send_all(call, result)
        elif self.one_out:
            raise TypeError(
                f"{call.head.method} has one answer, and its handler returned {result!r}"
            )


@attrs.frozen
class Dispatcher:
    """All methods of a server, by service and name, and what is done ahead of each."""

    _first: tuple[Step, ...]
    _methods: Mapping[tuple[str, str], _Method]
    _services: frozenset[str]
    _endings: Endings

    @classmethod
    def of(
        cls, services: Iterable[Service], endings: Endings, first: Sequence[Step] = ()
    ) -> "Dispatcher":
        """Serve the methods of purerpc `services`.

        A handler is called with the request (or an async iterator of requests) and the `ServerCall` as
        `request`. What it returns is awaited if it can be. A unary method's result is sent; a streaming
        method sends by itself with `ServerCall.send`, or returns an async iterator.

        Args:
            services: Of purerpc.
            endings: Says what the ends of a call mean.
            first: Done ahead of each call's handler, in turn.
        """
        services = tuple(services)
        methods = {
            (service.name, name): _Method.of(bound.method_fn, bound.signature)
            for service in services
            for name, bound in service.methods.items()
        }
        return cls(tuple(first), methods, frozenset(each.name for each in services), endings)

    @property
    def methods(self) -> frozenset[str]:
        """Full names, as ``package.Service/Method``."""
        return frozenset(f"{service}/{name}" for service, name in self._methods)

    def rejected(self, rejection: Rejection, headers: Headers, peer: str) -> Headers:
        """Return the whole answer to `headers`, which are no call."""
        status, metadata = self._endings.rejected(rejection, headers, peer)
        return rejection.headers(status.trailers, metadata)

    async def run(self, call: ServerCall, over: Over) -> None:
        """Serve `call` in its scope, and say by `over` how that went.

        When a call goes on that has waited, it passes every frame that waits for it: here they are one.
        """
        served, failure = False, None
        try:
            # Reset before it began: many such are an attack, and shall cost little.
            if not call.unheard:
                # Outside the scope: what handlers raise while they are cancelled comes out of it.
                with call.scope:
                    for step in self._first:
                        waiting = step(call)
                        if waiting is not None:
                            await waiting
                    method = self._methods.get((call.head.service, call.head.method))
                    if method is None:
                        # Only now: who may not call does not hear of it.
                        raise self._unimplemented(call.head)
                    argument = (
                        call.messages(method.request_type)
                        if method.streamed_in
                        else await call.receive_only(method.request_type)
                    )
                    result = method.function(argument, request=call)
                    # Asked first what is asked fast: others are abstract.
                    if isinstance(result, CoroutineType) or (
                        not isinstance(result, Message) and isinstance(result, Awaitable)
                    ):
                        result = await result
                    # Where it has sent its messages by itself, nothing is left to say.
                    if result is not None or method.one_out:
                        await method.answer(call, result)
                served = True
        except Exception as error:  # noqa: BLE001 - the one exit: see the module's header
            failure = error
        finally:
            over(call, served, failure)
            # It leads back here by its traceback.
            del failure

    def status(
        self, call: ServerCall, served: bool, failure: Exception | None
    ) -> CallStatus | None:
        """Tell whoever sees calls end how this one did, and return it; None: nobody is listening any more.

        May raise what those raise who are told.
        """
        status: CallStatus | None = None
        try:
            if failure is not None:
                status = self._endings.failed(call, _single(failure))
            elif served:
                status = OK
            if call.unheard:
                status = None
            elif status is not None and call.scope.cancelled_caught and not call.said_all:
                status = self._cancelled(call)
        finally:
            self._endings.ended(call, status)
        return status

    def _unimplemented(self, head: CallHead) -> RpcFailedError:
        what = f"unknown service {head.service!r}"
        if head.service in self._services:
            what = f"service {head.service!r} has no method {head.method!r}"
        return RpcFailedError(Status(StatusCode.UNIMPLEMENTED, what))

    def _cancelled(self, call: ServerCall) -> CallStatus:
        if call.ending is None:
            return self._endings.deadline(call)
        ended = self._endings.stopped if call.ending is Ending.STOPPED else self._endings.drained
        return ended(call)

    def cut(self, call: ServerCall) -> None:
        """End `call` because the server goes away; its caller is told."""
        if call.ending is None:
            self._endings.cut(call)
            call.cancel(Ending.DRAIN)


def _single(error: Exception) -> Exception:
    try:
        with single_error_unwrapped():
            raise error
    except Exception as single:  # noqa: BLE001 - it is the one that was given
        return single


async def _send_all(call: ServerCall, messages: AsyncIterator[Message]) -> None:
    try:
        async for message in messages:
            await call.send(message)
    finally:
        # A handler in purerpc's own style is an async generator: it must not be left to the collector.
        if isinstance(messages, AsyncGenerator):
            await messages.aclose()


_STREAMED_IN = frozenset({Cardinality.STREAM_UNARY, Cardinality.STREAM_STREAM})
_ONE_OUT = frozenset({Cardinality.UNARY_UNARY, Cardinality.STREAM_UNARY})
