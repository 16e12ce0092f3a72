"""A thousand calls, half of which end badly: the database agrees with the provider, to the token."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import grpc
import trio

from domain.model.errors import ErrorReason
from domain.model.usage import AttemptOutcome, UsageRecord, UsageSource
from entrypoints.account import Account
from ports.usage_query import Dimension, UsageFilter
from tests.support.account_open import open_account_at
from tests.support.http_calls import DONE, chunk, whole_body
from tests.support.http_peer import CHUNKED, LAST, piece, request_on, sized
from tests.support.system_gateway import Stub, ask, in_thread, open_gateway, stub

CALLS = 1_000
RETRIED = 40
CLIENTS = 40
DEADLINE_S = 2.0
"""Long enough for the provider to be asked and heard first, on a busy machine too."""
KINDS = "c" * 5 + "k" + "d" * 2 + "f" + "b" + "u" * 2 + "s" * 8
"""Of every twenty calls: 5 cancelled after the provider reported usage and 1 before, 2 meet their deadline,
1 refused and 1 broken off by the provider, 2 whole and 8 streamed that are served."""

Counted = tuple[int, int]
"""Input and output tokens."""


def kind(number: int) -> str:
    return KINDS[number % len(KINDS)]


@attrs.define(eq=False)
class Upstream:
    """A provider that keeps its own books.

    Attributes:
        reported: The last usage that it sent, by the call's number.
        asked: How often each call reached it.
    """

    url: str = ""
    reported: dict[int, Counted] = attrs.field(factory=dict)
    asked: Counter[int] = attrs.field(factory=Counter)

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer on one connection."""
        with suppress(trio.BrokenResourceError):
            while (request := await request_on(stream)) is not None:
                found = re.search(rb"number (\d+)", request)
                assert found is not None
                number = int(found[1])
                self.asked[number] += 1
                if not await self._answer(stream, number):
                    return

    async def _answer(self, stream: trio.SocketStream, number: int) -> bool:
        """Answer call `number`; return whether the connection lives on."""
        what = kind(number)
        if what == "f":
            await stream.send_all(sized(b'{"error": {"message": "busy"}}', "503 Busy"))
            return True
        if what == "u":
            body = whole_body(usage=self._usage(number, 2))
            await stream.send_all(sized(body, content_type="application/json"))
            return True
        await stream.send_all(CHUNKED)
        await stream.send_all(piece(chunk({"role": "assistant", "content": ""})))
        if what != "k":
            await stream.send_all(piece(chunk(usage=self._usage(number, 1))))
        await stream.send_all(piece(chunk({"content": "one "})))
        if what in "ckd":
            # It has more to say, to whoever stays.
            await stream.receive_some()
            return False
        if what == "b":
            return False
        await stream.send_all(piece(chunk({"content": "two"})))
        await stream.send_all(piece(chunk({}, "stop")))
        await stream.send_all(piece(chunk(usage=self._usage(number, 2))))
        await stream.send_all(piece(DONE) + LAST)
        return True

    def _usage(self, number: int, words: int) -> dict[str, int]:
        """Return the usage of call `number` after so many words, and write it down."""
        self.reported[number] = (100 + number % 7, words * (1 + number % 5))
        input_, output = self.reported[number]
        return {"prompt_tokens": input_, "completion_tokens": output}


@asynccontextmanager
async def open_upstream() -> AsyncIterator[Upstream]:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=200)
    host, port = listener.socket.getsockname()
    upstream = Upstream(f"http://{host}:{port}")
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, upstream.serve, [listener])
        yield upstream
        nursery.cancel_scope.cancel()


def call(server: Stub, number: int) -> grpc.StatusCode:
    """Make call `number` and end it as its kind does; return its status."""
    what = kind(number)
    request = ask("far", "m", f"number {number}")
    metadata = [("x-request-id", f"r-{number}")]
    try:
        if what == "u":
            server.invoke(request, metadata=metadata)
            return grpc.StatusCode.OK
        timeout = DEADLINE_S if what == "d" else None
        events: Any = server.stream(request, metadata=metadata, timeout=timeout)
        for event in events:
            if what in "ck" and event.content == "one ":
                events.cancel()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def call_all(address: str, calls: int = CALLS) -> Counter[tuple[str, grpc.StatusCode]]:
    with stub(address) as server, ThreadPoolExecutor(CLIENTS) as threads:
        codes = threads.map(partial(call, server), range(calls))
        return Counter(zip(map(kind, range(calls)), codes, strict=True))


ENDS: Mapping[
    str, tuple[grpc.StatusCode, AttemptOutcome, ErrorReason | None, UsageSource | None]
] = {
    "c": (
        grpc.StatusCode.CANCELLED,
        AttemptOutcome.CANCELLED,
        ErrorReason.CALLER_CANCELLED,
        UsageSource.PROVIDER_PARTIAL,
    ),
    "k": (
        grpc.StatusCode.CANCELLED,
        AttemptOutcome.CANCELLED,
        ErrorReason.CALLER_CANCELLED,
        UsageSource.ESTIMATED,
    ),
    "d": (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        AttemptOutcome.DEADLINE,
        ErrorReason.CALLER_DEADLINE,
        UsageSource.PROVIDER_PARTIAL,
    ),
    "f": (
        grpc.StatusCode.UNAVAILABLE,
        AttemptOutcome.FAILED,
        ErrorReason.PROVIDER_OVERLOADED,
        None,
    ),
    "b": (
        grpc.StatusCode.UNAVAILABLE,
        AttemptOutcome.FAILED,
        ErrorReason.PROVIDER_STREAM_TRUNCATED,
        UsageSource.PROVIDER_PARTIAL,
    ),
    "u": (grpc.StatusCode.OK, AttemptOutcome.SERVED, None, UsageSource.PROVIDER_FINAL),
    "s": (grpc.StatusCode.OK, AttemptOutcome.SERVED, None, UsageSource.PROVIDER_FINAL),
}


def _asking(upstream: Upstream, attempts: int) -> dict[str, Any]:
    """Settings with which a call asks `upstream` so often, and no failure keeps another call from asking."""
    far = {"kind": "compatible", "base_url": f"{upstream.url}/v1", "models": ["m"]}
    return {
        "local": {"enabled": False},
        "providers": {"far": far},
        "retry": {"max_attempts": attempts},
        "breaker": {"enabled": False},
        "cooldown": {"enabled": False},
    }


async def test_a_thousand_calls_leave_a_thousand_records_that_agree_with_the_provider(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/usage.db"
    async with (
        open_upstream() as upstream,
        open_account_at(url, tmp_path) as account,
        open_gateway(_asking(upstream, 1), account=Account(account.log, account.query)) as gateway,
    ):
        codes = await in_thread(call_all, gateway.address)
    assert codes == {
        (what, ENDS[what][0]): count for what, count in Counter(map(kind, range(CALLS))).items()
    }
    # Read back from the database, by nobody who wrote it.
    async with open_account_at(url, tmp_path) as account:
        records = {each.request_id: each for each in await account.records()}
        sums = await account.query.summary(UsageFilter(), [Dimension.OUTCOME])
    assert len(records) == CALLS
    assert sum(each.attempts for each in sums) == CALLS
    for number in range(CALLS):
        _agrees(records[f"r-{number}"], upstream, number)
    for each in sums:
        outcome = each.group[Dimension.OUTCOME]
        mine = [
            number for number in range(CALLS) if records[f"r-{number}"].attempt.outcome == outcome
        ]
        estimated = [records[f"r-{number}"] for number in mine if kind(number) == "k"]
        told = [upstream.reported.get(number, (0, 0)) for number in mine]
        assert each.input_tokens == sum(input_ for input_, _ in told) + sum(
            record.attempt.usage.input_tokens or 0 for record in estimated
        )
        assert each.output_tokens == sum(output for _, output in told) + sum(
            record.attempt.usage.output_tokens or 0 for record in estimated
        )


async def test_what_is_tried_again_leaves_a_record_for_each_time_the_provider_was_asked(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/usage.db"
    async with (
        open_upstream() as upstream,
        open_account_at(url, tmp_path) as account,
        open_gateway(_asking(upstream, 3), account=Account(account.log, account.query)) as gateway,
    ):
        await in_thread(call_all, gateway.address, RETRIED)
    async with open_account_at(url, tmp_path) as account:
        recorded = Counter(each.request_id for each in await account.records())
        sums = await account.query.summary(UsageFilter(), [Dimension.OUTCOME])
    assert recorded == {f"r-{number}": times for number, times in upstream.asked.items()}
    assert sum(each.attempts for each in sums) == upstream.asked.total()
    again = {kind(number) for number, times in upstream.asked.items() if times > 1}
    assert again == {"f"}
    assert len(recorded) == RETRIED


def _agrees(record: UsageRecord, upstream: Upstream, number: int) -> None:
    _, outcome, reason, source = ENDS[kind(number)]
    attempt = record.attempt
    usage = attempt.usage
    if kind(number) == "d" and attempt.outcome is AttemptOutcome.CANCELLED:
        # On a busy machine the client's timer, which is the first to start, may be so far ahead of the
        # server's that what arrives is a plain cancel.
        outcome, reason = AttemptOutcome.CANCELLED, ErrorReason.CALLER_CANCELLED
    assert (attempt.outcome, attempt.error_reason, usage.source) == (outcome, reason, source)
    assert upstream.asked[number] == 1
    if source is UsageSource.ESTIMATED:
        assert number not in upstream.reported
        assert usage.output_tokens == 1
    else:
        reported = upstream.reported.get(number, (None, None))
        assert (usage.input_tokens, usage.output_tokens) == reported
