"""What is asked for, and when: an open model. Calls come when they come, however the server is doing."""

import math
import random
from collections.abc import Mapping, Sequence

import attrs

MODELS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "whole": [{"wait_s": 0.05}, {"say": "Hello there, how are you today?"}],
    "streamed": [{"chunks": {"count": 20, "every_s": 0.02, "text": "word "}}],
    "refused": [{"wait_s": 0.02}, {"fail": {"reason": "PROVIDER_REJECTED_REQUEST"}}],
}
"""Scripts of the provider: what each kind of call is answered with."""

IDEAL_S: Mapping[str, float] = {"whole": 0.05, "streamed": 0.40, "refused": 0.02}
"""How long each script takes by itself, in seconds; what a call takes beyond it is added by us."""

KINDS = ("unary", "stream", "cancel", "fail")
DEFAULT_MIX = "unary=43,stream=45,cancel=10,fail=2"


@attrs.frozen
class Call:
    """One call to be made.

    Attributes:
        due_s: When, in seconds from the start.
        kind: One of `KINDS`.
        model: Which script answers.
        streamed: Whether the answer is streamed.
        cancel_s: After how long the client leaves; ``None``: it stays.
    """

    due_s: float
    kind: str
    model: str
    streamed: bool
    cancel_s: float | None = None

    @property
    def expected(self) -> frozenset[str]:
        """The statuses that are no surprise."""
        return _EXPECTED[self.kind]


_EXPECTED: Mapping[str, frozenset[str]] = {
    "unary": frozenset({"OK"}),
    "stream": frozenset({"OK"}),
    # An answer may come before the client has left.
    "cancel": frozenset({"CANCELLED", "OK"}),
    "fail": frozenset({"INVALID_ARGUMENT"}),
}


def mix_of(text: str) -> Mapping[str, float]:
    """Return the share of each kind that ``unary=43,stream=45`` says; shares need not sum to anything.

    Raises:
        ValueError: It says something else.
    """
    shares: dict[str, float] = {}
    for each in text.split(","):
        kind, equals, number = each.strip().partition("=")
        if kind not in KINDS or not equals:
            raise ValueError(f"{each!r}: say KIND=SHARE with one of {', '.join(KINDS)}")
        share = float(number)
        if not 0 <= share < math.inf:
            raise ValueError(f"{each!r}: a share is a number from 0")
        shares[kind] = share
    if not sum(shares.values()):
        raise ValueError("one kind at least must have a share")
    return shares


def plan(rate: float, duration_s: float, mix: Mapping[str, float], seed: int) -> list[Call]:
    """Return the calls, oldest first: exactly `rate` times `duration_s`; the same for the same seed.

    They come by chance, as calls of many callers do: several at once, then none for a while.
    """
    chance = random.Random(seed)
    count = round(rate * duration_s)
    dues = sorted(chance.uniform(0, duration_s) for _ in range(count))
    kinds = chance.choices(list(mix), weights=list(mix.values()), k=count)
    return [_call(due, kind, chance) for due, kind in zip(dues, kinds, strict=True)]


def _call(due_s: float, kind: str, chance: random.Random) -> Call:
    if kind == "cancel":
        streamed = chance.random() < 0.7
        model = "streamed" if streamed else "whole"
        return Call(due_s, kind, model, streamed, cancel_s=chance.uniform(0, IDEAL_S[model]))
    if kind == "fail":
        return Call(due_s, kind, "refused", chance.random() < 0.5)
    return Call(due_s, kind, "whole" if kind == "unary" else "streamed", kind == "stream")
