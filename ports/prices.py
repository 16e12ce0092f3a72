"""What models cost."""

from collections.abc import Container
from typing import Protocol

import attrs

from domain.model.usage import Usage


@attrs.frozen
class Cost:
    """A price, worked out.

    Attributes:
        nano_usd: 1e-9 US dollars.
        price_version: Which price list was used.
    """

    nano_usd: int
    price_version: str


class Prices(Protocol):
    """Knows what models cost."""

    @property
    def unprepared(self) -> Container[str]:
        """The providers for which `prepare` has something to do; each call asks, so cheap."""
        ...

    async def prepare(self, provider: str, /) -> None:
        """Make `cost` able to answer for `provider`; takes time only once."""
        ...

    def cost(self, provider: str, model: str, usage: Usage, /) -> Cost | None:
        """Return what `usage` of a model costs, or None if its price is not known; 0 is free."""
        ...

    def bound_nano_usd(
        self, provider: str, model: str, input_tokens: int, output_tokens: int, /
    ) -> int | None:
        """Return what a call with so many tokens may cost, or None if its price is not known.

        Before the call: what a provider reports comes later, and nobody knows whether a cache takes part.
        """
        ...
