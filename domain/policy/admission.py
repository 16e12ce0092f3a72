"""Which limits a call is under, and what it needs of them."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import attrs

from domain.model.caller import Caller
from domain.model.model_info import ModelInfo
from domain.model.usage import Attempt
from domain.policy.limits import BUDGETS, Limit, LimitKind, Need, limits_of

UNKNOWN_OUTPUT_TOKENS = 4_096
"""How long the answer of a model may be whose bound nobody knows."""

MOST_FOUND = 4_096
"""Callers and models whose limits are remembered."""


@attrs.frozen(eq=False)
class CallLimits:
    """The limits that a call is under.

    Attributes:
        all: Those of its caller first.
        budget: The first that is kept in money.
        again: Those without that on its caller's requests: a call is one, however often it is tried.
            ``None``: there is none.
    """

    all: tuple[Limit, ...]
    budget: Limit | None
    again: "CallLimits | None" = None

    @classmethod
    def of(cls, limits: tuple[Limit, ...]) -> "CallLimits":
        """Return `limits` as those of a call."""
        budget = next((each for each in limits if each.kind in BUDGETS), None)
        again = tuple(each for each in limits if not _counts_calls_of_its_caller(each))
        return cls(limits, budget, None if again == limits else cls(again, budget))


def _counts_calls_of_its_caller(limit: Limit) -> bool:
    return limit.kind is LimitKind.REQUESTS_PER_MINUTE and limit.subject.startswith("caller:")


@attrs.frozen(kw_only=True)
class LimitTable:
    """All limits but the callers' own.

    Attributes:
        service: Of all calls together.
        providers: By provider's name.
        models: By glob of ``provider/model``; a call is under every one that fits.
    """

    # By the caller's identity, provider and model: finding them costs more than keeping them.
    _found: dict[tuple[int, str, str], tuple[Caller, CallLimits]] = attrs.field(
        init=False, factory=dict, eq=False, repr=False
    )

    service: Sequence[Limit] = ()
    providers: Mapping[str, Sequence[Limit]] = attrs.field(factory=dict)
    models: Mapping[str, Sequence[Limit]] = attrs.field(factory=dict)

    def of(self, caller: Caller, provider: str, model: str) -> CallLimits:
        """Return the limits of a call; the same object for the same call again."""
        key = (id(caller), provider, model)
        known = self._found.get(key)
        if known is not None and known[0] is caller:
            return known[1]
        found = CallLimits.of(self._all(limits_of(caller), provider, model))
        if len(self._found) >= MOST_FOUND:
            # Callers choose the models' names.
            self._found.clear()
        self._found[key] = (caller, found)
        return found

    def _all(self, own: Sequence[Limit], provider: str, model: str) -> tuple[Limit, ...]:
        found = (*own, *self.providers.get(provider, ()), *self.service)
        if not self.models:
            return found
        name = f"{provider}/{model}"
        fitting = (each for glob, each in self.models.items() if fnmatchcase(name, glob))
        return (*found, *(limit for limits in fitting for limit in limits))


def unbounded_output_tokens(info: ModelInfo | None, assumed_output_tokens: int | None) -> int:
    """Return how long an answer is taken to be that its request does not bound.

    Args:
        info: What is known of the model.
        assumed_output_tokens: So long, where the model can make it so long; ``None``: as long as the model
            can make it.
    """
    longest = None if info is None else info.max_output_tokens
    return min(filter(None, (assumed_output_tokens, longest)), default=UNKNOWN_OUTPUT_TOKENS)


def used(attempts: Sequence[Attempt]) -> Need:
    """Return what `attempts` used up."""
    tokens = nano_usd = 0
    for each in attempts:
        usage = each.usage
        # What nobody reported is none.
        tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
        nano_usd += usage.cost_nano_usd or 0
    # As its class does it, which takes a call of a function more.
    return tuple.__new__(Need, (tokens, nano_usd, 1))
