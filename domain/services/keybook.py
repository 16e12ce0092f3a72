"""What was asked under a key: calls in flight, and how those before ended.

Laws: a key is one caller's own. Under one key there is one call at a time, and what is kept of it for long is
what everyone was told: a complete answer, or a failure that has to be paid for and would be the same again.
Whatever else ended it frees the key. Where callers may come back to an answer, what came of it is kept for as
long as it would have been held, for those who have its beginning. The number of keys and the memory they take
are bounded; the oldest go first.
"""

from collections import OrderedDict

import anyio
import attrs

from domain.model.call import ChatCall
from domain.model.errors import ChatError, ErrorReason, IdempotencyConflict
from domain.policy.replay_buffer import ReplayBuffer
from domain.services.broadcast import Broadcast
from domain.services.stage import Stage
from ports.chat_model import ChatModel

FINAL = frozenset({ErrorReason.PROVIDER_CONTENT_BLOCKED})
"""Failures that are kept: the provider has read the whole request, for money, and judged what it says. Every
other one costs nothing to find out again, and may be gone: an operator or a provider repairs it in a day."""
_ENTRY = 512
"""Bytes that a key takes beside its answer, about."""

Name = tuple[str, str]
"""The caller's name and its key."""


@attrs.frozen(kw_only=True)
class KeyBounds:
    """How long keys are known, and how much is kept for them.

    Attributes:
        keep_s: How long an outcome is replayed.
        max_keys: Outcomes that are kept at once.
        max_bytes: Of memory for all of them.
        max_answer_bytes: For each, and for each answer in flight; of longer ones nothing is kept.
        resume_window_s: How long an answer goes on whose caller has left, so that it can come back; 0: it is
            cancelled.
        max_held: Answers that go on like this at once.
    """

    keep_s: float = 86_400.0
    max_keys: int = 10_000
    max_bytes: int = 67_108_864
    max_answer_bytes: int = 1_048_576
    resume_window_s: float = 0.0
    max_held: int = 100


@attrs.define(eq=False)
class Outcome:
    """How a call ended.

    Attributes:
        kept: What was said.
        error: What ended it; None: it is complete.
        final: Whether it is everyone's; else only theirs who have its beginning.
        until_s: When it is forgotten, on the event loop's clock.
        size: Of memory, in bytes, about.
    """

    signature: bytes
    kept: ReplayBuffer
    error: ChatError | None
    final: bool
    until_s: float
    size: int


@attrs.define(eq=False)
class _Flight:
    signature: bytes
    answer: Broadcast


@attrs.define(eq=False)
class Keybook:
    """Knows the keys of all callers.

    Attributes:
        stage: Where answers are played; whoever opened it closes it.
        taken_bytes: By outcomes that are kept.
    """

    bounds: KeyBounds
    stage: Stage
    taken_bytes: int = 0
    _outcomes: OrderedDict[Name, Outcome] = attrs.field(factory=OrderedDict)
    _flights: dict[Name, _Flight] = attrs.field(factory=dict)

    def find(self, name: Name, signature: bytes) -> Outcome | Broadcast | None:
        """Return what is known under `name`, from its beginning; None: nothing, the key is free.

        Raises:
            IdempotencyConflict: The key is another request's, or its answer cannot be joined any more.
        """
        found = self.find_rest(name, signature)
        if isinstance(found, Outcome):
            return found if found.final else None
        if found is not None and not found.kept.whole:
            raise IdempotencyConflict(
                "a call with this idempotency_key is in flight, and its answer is too long to be joined:"
                " wait for it, or use a new key"
            )
        return found

    def find_rest(self, name: Name, signature: bytes) -> Outcome | Broadcast | None:
        """Return what is known under `name`, if it is but the end; None: nothing.

        Raises:
            IdempotencyConflict: The key is another request's.
        """
        flight = self._flights.get(name)
        if flight is not None and not flight.answer.leaving:
            _demand_same(flight.signature, signature)
            return flight.answer
        outcome = self._outcomes.get(name)
        if outcome is None:
            return None
        if anyio.current_time() >= outcome.until_s:
            self._drop(name)
            return None
        if outcome.final:
            _demand_same(outcome.signature, signature)
        return outcome if outcome.signature == signature else None

    def begin(self, name: Name, signature: bytes, model: ChatModel, call: ChatCall) -> Broadcast:
        """Have `model` answer `call` under `name`, which is free."""
        bounds = self.bounds

        def ended(answer: Broadcast) -> None:
            flight = self._flights.get(name)
            # A later one may have taken its place.
            if flight is not None and flight.answer is answer:
                del self._flights[name]
                self._keep(name, signature, answer)

        kept = ReplayBuffer(bounds.max_answer_bytes)
        answer = Broadcast(model, call, kept, [ended], self._window_s)
        self._flights[name] = _Flight(signature, answer)
        self.stage.play(answer)
        return answer

    def _window_s(self) -> float:
        window_s = self.bounds.resume_window_s
        if not window_s or not self.stage.holds:
            return 0.0
        held = sum(each.answer.held for each in self._flights.values())
        return window_s if held < self.bounds.max_held else 0.0

    def _keep(self, name: Name, signature: bytes, answer: Broadcast) -> None:
        error, kept, bounds = answer.error, answer.kept, self.bounds
        if not (answer.complete if error is None else isinstance(error, ChatError)):
            # It was cancelled, or is a bug.
            return
        now_s = anyio.current_time()
        final = kept.whole and (error is None or _is_final(error))
        keep_s = bounds.keep_s if final else bounds.resume_window_s
        if not keep_s or not (final or kept.events):
            return
        if name in self._outcomes:
            self._drop(name)
        self._outcomes[name] = Outcome(
            signature,
            kept,
            error.copied() if isinstance(error, ChatError) else None,
            final,
            now_s + keep_s,
            _ENTRY + kept.size,
        )
        self.taken_bytes += _ENTRY + kept.size
        self._make_room(now_s)

    def _make_room(self, now_s: float) -> None:
        bounds = self.bounds
        while self._outcomes:
            name, oldest = next(iter(self._outcomes.items()))
            over = self.taken_bytes > bounds.max_bytes or len(self._outcomes) > bounds.max_keys
            if not over and oldest.until_s > now_s:
                break
            self._drop(name)

    def _drop(self, name: Name) -> None:
        self.taken_bytes -= self._outcomes.pop(name).size


def _is_final(error: Exception) -> bool:
    return isinstance(error, ChatError) and error.reason in FINAL and not error.retryable


def _demand_same(known: bytes, signature: bytes) -> None:
    if known != signature:
        raise IdempotencyConflict(
            "this idempotency_key was used with another request: use a new key, or send the same request"
        )
