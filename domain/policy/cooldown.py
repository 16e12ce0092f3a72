"""How long a key rests after its provider refused it.

A key that is told to wait waits as long as it was told. Where nothing was said, the rest is a guess: such a
key is passed over while another works, and tried all the same where it is the only way, because nobody
knows whether it would be refused again.
"""

from collections.abc import Mapping

import attrs

from domain.model.errors import ErrorReason

SLACK_S = 0.001
"""Who comes back after the time that was told is not to find the door closed by a rounding."""


@attrs.frozen(kw_only=True)
class CooldownRules:
    """How long a key rests, in seconds, where the provider does not say.

    Attributes:
        rate_limited_s: After "too many requests"; 0, here and below: not at all.
        auth_s: After the key was not accepted.
        billing_s: After its quota or credit was used up.
        longest_s: At most, whatever the provider says.
    """

    rate_limited_s: float = 5.0
    auth_s: float = 60.0
    billing_s: float = 300.0
    longest_s: float = 3600.0


@attrs.frozen
class Rest:
    """Why and until when not to ask.

    Attributes:
        until_s: On the clock of those who ask.
        told: Whether the provider said so; else it is a guess.
        whole_key: Whether the key rests for all models, and not for one alone.
    """

    until_s: float
    reason: ErrorReason
    told: bool
    whole_key: bool = False

    def wait_s(self, now_s: float) -> float:
        """Return how long is left; 0: it is over."""
        left_s = self.until_s - now_s
        return left_s if left_s > SLACK_S else 0.0


@attrs.frozen
class _Rule:
    guess_s: str
    whole_key: bool


_RULES: Mapping[ErrorReason, _Rule] = {
    ErrorReason.PROVIDER_RATE_LIMITED: _Rule("rate_limited_s", whole_key=False),
    ErrorReason.PROVIDER_AUTH_FAILED: _Rule("auth_s", whole_key=True),
    ErrorReason.PROVIDER_BILLING: _Rule("billing_s", whole_key=True),
    # An overloaded provider is no matter of a key, unless it says when to come back.
    ErrorReason.PROVIDER_OVERLOADED: _Rule("", whole_key=False),
}


def rest(
    rules: CooldownRules, reason: ErrorReason, retry_after_s: float | None, now_s: float
) -> Rest | None:
    """Return how a key rests that was refused for `reason`; None: it does not.

    Args:
        rules: What holds.
        reason: Why.
        retry_after_s: What the provider said; None: nothing.
        now_s: The moment of the refusal.
    """
    rule = _RULES.get(reason)
    if rule is None:
        return None
    # A bad key is not good again at some hour, whatever a header says.
    told_s = None if rule.whole_key else retry_after_s
    told = told_s is not None
    if told_s is None:
        told_s = float(getattr(rules, rule.guess_s)) if rule.guess_s else 0.0
    for_s = min(told_s, rules.longest_s)
    return Rest(now_s + for_s, reason, told, rule.whole_key) if for_s > 0 else None


def later(one: Rest | None, other: Rest | None) -> Rest | None:
    """Return the rest that ends later; one that was told comes before a guess."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: (each.told, each.until_s))
