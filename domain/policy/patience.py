"""How long a provider may be silent."""

import attrs

from domain.model.call import ChatCall
from domain.model.errors import ErrorReason, ProviderFailure


@attrs.frozen(kw_only=True)
class Patience:
    """Bounds on silence, in seconds.

    The defaults suit models that think before they speak.

    Attributes:
        first_token_s: From the start of an attempt to its first content.
        idle_s: Between two pieces of content after that.
    """

    first_token_s: float = 300.0
    idle_s: float = 120.0

    def of(self, call: ChatCall) -> "Patience":
        """Return the bounds for `call`: its own where it has any, else these."""
        asked = call.request.timeouts
        if asked.first_token_s is None and asked.idle_s is None:
            return self
        return Patience(
            first_token_s=self.first_token_s
            if asked.first_token_s is None
            else asked.first_token_s,
            idle_s=self.idle_s if asked.idle_s is None else asked.idle_s,
        )

    @property
    def thought_s(self) -> float:
        """For one thought of which nothing is said, from where it begins; as long as for the first."""
        return max(self.first_token_s, self.idle_s)

    def no_first_token(self) -> ProviderFailure:
        """Return the failure of an attempt without content."""
        return ProviderFailure(
            f"the provider sent no content within {self.first_token_s:g} s",
            ErrorReason.PROVIDER_TIMEOUT_FIRST_TOKEN,
        )

    def idle(self) -> ProviderFailure:
        """Return the failure of an attempt that fell silent."""
        return _silent(self.idle_s)

    def endless_thought(self) -> ProviderFailure:
        """Return the failure of an attempt that never said what it thought of."""
        return _silent(self.thought_s)


def _silent(for_s: float) -> ProviderFailure:
    return ProviderFailure(
        f"the provider was silent for {for_s:g} s", ErrorReason.PROVIDER_TIMEOUT_IDLE
    )
