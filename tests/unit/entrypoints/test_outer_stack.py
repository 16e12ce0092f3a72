"""The whole outer stack, as it is put together: whatever fails, whoever leaves, all its laws at once."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import attrs
import httpx
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from adapters.storage.memory_limiter import MemoryLimiter
from adapters.storage.memory_response_cache import MemoryResponseCache
from domain.model.call import ChatCall, Delivery
from domain.model.caller import Caller
from domain.model.chat import OnDisconnect, Text
from domain.model.errors import ChatError, ErrorReason, ProviderFailure
from domain.model.events import ChatEvent, Finished, FinishReason, RouteChanged, Started, TextDelta
from domain.model.model_info import Feature, ModelInfo
from domain.model.response_cache import CacheMode, ResponseCachePolicy
from domain.model.routing import MidStream, Routing
from domain.model.usage import Usage
from domain.policy.drain import DrainBounds
from domain.services.drains import open_drains
from domain.services.keybook import Keybook, KeyBounds
from domain.services.recalled import Keeping
from domain.services.route import Routed
from domain.services.stage import open_stage
from entrypoints.limits import admission
from entrypoints.prices import price_book
from entrypoints.public_names import route_book
from entrypoints.settings.loading import structure
from entrypoints.stacking import Route, Stacker
from tests.support.core_model import SlowLog, Step, Upstream, question

SETTINGS = structure(
    {
        "local": {"enabled": False},
        "breaker": {"min_calls": 3, "open_s": 4.0},
        "models": {"both": {"routes": ["a/m"], "fallbacks": ["b/m"]}},
        "providers": {name: {"kind": "scripted", "models": {"m": []}} for name in "ab"},
    }
)
"""A public name of two routes; the providers are the test's own."""


@attrs.define(eq=False)
class Far:
    """A provider that plays one row after the other, and its last for ever; each text says to whom."""

    name: str
    rows: Sequence[Sequence[Step]]
    asked: list[str] = attrs.field(factory=list)
    open_: int = 0

    @asynccontextmanager
    async def stream(self, call: ChatCall, /) -> AsyncIterator[AsyncIterator[ChatEvent]]:
        nth = len(self.asked)
        self.asked.append(call.request_id)
        (part,) = call.request.messages[0].parts
        assert isinstance(part, Text)
        tag = f"{call.caller.name} {part.text} {self.name}{nth} "
        row = [
            TextDelta(f"{tag}{index} ") if isinstance(step, TextDelta) else step
            for index, step in enumerate(self.rows[min(nth, len(self.rows) - 1)])
        ]
        self.open_ += 1
        try:
            async with Upstream(row, name=self.name).stream(call) as events:
                yield events
        finally:
            self.open_ -= 1

    def said(self, nth: int) -> int:
        """Return how many texts the answer has that is played as the `nth`."""
        row = self.rows[min(nth, len(self.rows) - 1)]
        return sum(isinstance(step, TextDelta) for step in row)

    def models(self) -> Sequence[ModelInfo]:
        return [self._info("m")]

    def info(self, model: str, /) -> ModelInfo | None:
        return self._info(model)

    def _info(self, model: str) -> ModelInfo:
        return ModelInfo(provider=self.name, model=model, features=frozenset(Feature))


@attrs.frozen
class Wish:
    """What one caller asks, and when it leaves.

    Attributes:
        leaves: After so many events; None: never.
    """

    start_s: float
    deadline_s: float
    leaves: int | None
    who: str
    text: str
    key: str
    mode: CacheMode
    share: bool
    whole: bool
    drain: bool
    routing: Routing

    def call(self, number: int) -> ChatCall:
        request = attrs.evolve(
            question(self.text, model="both"),
            routing=self.routing,
            idempotency_key=self.key,
            response_cache=ResponseCachePolicy(mode=self.mode, coalesce=self.share),
            on_disconnect=OnDisconnect.DRAIN if self.drain else OnDisconnect.CANCEL,
        )
        return ChatCall(
            request=request,
            caller=Caller(self.who),
            request_id=str(number),
            delivery=Delivery.WHOLE if self.whole else Delivery.STREAMED,
        )


@attrs.define(eq=False)
class World:
    """The stack over two providers."""

    a: Far
    b: Far
    model: Routed
    log: SlowLog

    async def play(self, number: int, wish: Wish) -> None:
        await anyio.sleep(wish.start_s)
        call, heard = wish.call(number), list[ChatEvent]()
        failed = left = False
        end_s = anyio.current_time() + wish.deadline_s
        with anyio.move_on_after(wish.deadline_s) as scope:
            try:
                async with self.model.stream(call) as events:
                    async for event in events:
                        heard.append(event)
                        if len(heard) == wish.leaves:
                            left = True
                            break
            except ChatError:
                failed = True
        assert anyio.current_time() <= end_s + 0.01
        complete = bool(heard) and isinstance(heard[-1], Finished)
        assert complete or failed or left or scope.cancelled_caught
        assert not (complete and failed)
        self.check(wish, heard, complete)

    def check(self, wish: Wish, heard: Sequence[ChatEvent], complete: bool) -> None:
        """Hold that what was heard is the truth, and no other caller's."""
        parts: list[list[ChatEvent]] = [[]]
        for event in heard:
            if isinstance(event, RouteChanged):
                assert wish.routing.mid_stream is MidStream.RESTART_WITH_MARKER
                parts.append([])
            else:
                parts[-1].append(event)
        said: list[list[str]] = []
        for part in parts:
            assert not part or isinstance(part[0], Started | Finished)
            # An answer that is given again comes in larger pieces.
            words = "".join(each.text for each in part if isinstance(each, TextDelta)).split()
            said = [words[at : at + 4] for at in range(0, len(words), 4)]
            assert {(who, text) for who, text, _, _ in said} <= {(wish.who, wish.text)}
            assert len({play for _, _, play, _ in said}) <= 1
            assert [int(index) for *_, index in said] == sorted(int(index) for *_, index in said)
        if complete and said:
            play = said[0][2]
            assert len(said) == (self.a if play[0] == "a" else self.b).said(int(play[1:]))

    def settle(self, wishes: Sequence[Wish]) -> None:
        """Hold that every request was allowed, and is in the account."""
        asked = [*self.a.asked, *self.b.asked]
        records = Counter(each.request_id for each in self.log.records)
        assert records == Counter(asked)
        for number, many in records.items():
            assert many <= (wishes[int(number)].routing.max_attempts or 3)
        assert self.a.open_ == self.b.open_ == 0


@asynccontextmanager
async def world(a: Sequence[Sequence[Step]], b: Sequence[Sequence[Step]]) -> AsyncIterator[World]:
    log, bugs = SlowLog(), list[Exception]()
    far = {"a": Far("a", a), "b": Far("b", b)}
    book = route_book(SETTINGS)
    async with (
        open_drains(DrainBounds(), 5.0, bugs.append) as drains,
        open_stage(bugs.append) as stage,
    ):
        stacker = Stacker(
            SETTINGS,
            {},
            httpx.MockTransport(lambda _: httpx.Response(500)),
            log,
            admission(SETTINGS.limits, MemoryLimiter(), price_book(SETTINGS)),
            drains,
            None,
            Keeping(cache=MemoryResponseCache(100_000)),
            Keybook(KeyBounds(resume_window_s=2.0), stage),
            book,
        )
        routes = {name: Route(stacker.timed(each), b"maker") for name, each in far.items()}
        yield World(far["a"], far["b"], stacker.service(routes), log)
    assert bugs == []


def failure(reason: ErrorReason, **known: Any) -> ProviderFailure:
    return ProviderFailure("no", reason, **known)


FAULTS = (
    failure(ErrorReason.PROVIDER_OVERLOADED),
    failure(ErrorReason.PROVIDER_RATE_LIMITED, retry_after_s=1.0, upstream_status=429),
    failure(ErrorReason.PROVIDER_RATE_LIMITED, retry_after_s=100.0, upstream_status=429),
    failure(ErrorReason.PROVIDER_STREAM_TRUNCATED),
    failure(ErrorReason.PROVIDER_AUTH_FAILED, upstream_status=401),
    failure(ErrorReason.PROVIDER_REJECTED_REQUEST, upstream_status=400),
)
STEPS = st.one_of(st.sampled_from([0.3, 3.0]), st.just(TextDelta("t")), st.sampled_from(FAULTS))
BEGUN = Started(id="1", provider="x", model="m", upstream_status=200)
DONE = Finished(reason=FinishReason.STOP, usage=Usage(output_tokens=1))
BROKEN: list[Step] = [BEGUN, TextDelta("t"), 0.1, FAULTS[3], DONE]
ROWS = st.lists(
    st.one_of(
        st.just(BROKEN),
        st.tuples(
            st.lists(st.sampled_from([0.3, *FAULTS]), max_size=1), st.lists(STEPS, max_size=4)
        ).map(lambda row: [*row[0], BEGUN, *row[1], DONE]),
    ),
    min_size=1,
    max_size=4,
)
WISHES = st.lists(
    st.builds(
        Wish,
        start_s=st.sampled_from([0.0, 0.0, 0.2, 2.0, 6.0]),
        deadline_s=st.sampled_from([0.4, 2.0, 60.0]),
        leaves=st.sampled_from([None, None, 1, 2, 4]),
        who=st.sampled_from(["alice", "alice", "bob"]),
        text=st.sampled_from(["x", "x", "y"]),
        key=st.sampled_from(["", "", "k"]),
        mode=st.sampled_from([CacheMode.OFF, CacheMode.READ_WRITE]),
        share=st.booleans(),
        whole=st.booleans(),
        drain=st.booleans(),
        routing=st.builds(
            Routing,
            mid_stream=st.sampled_from([MidStream.FAIL, MidStream.RESTART_WITH_MARKER]),
            max_attempts=st.sampled_from([None, 1, 2, 4]),
            hedge_after_s=st.sampled_from([None, None, 0.2]),
            retry_after_accept=st.sampled_from([None, True]),
        ),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150)
@given(ROWS, ROWS, WISHES)
def test_whatever_fails_and_whoever_leaves_everyone_hears_the_truth_in_time(
    a: list[list[Step]], b: list[list[Step]], wishes: list[Wish]
) -> None:
    async def play() -> None:
        async with world(a, b) as it, anyio.create_task_group() as callers:
            for number, wish in enumerate(wishes):
                callers.start_soon(it.play, number, wish)
        it.settle(wishes)

    trio.run(play, clock=MockClock(autojump_threshold=0))
