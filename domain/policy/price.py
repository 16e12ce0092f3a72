"""What usage costs, in whole numbers.

Laws: money is 1e-9 US dollars, rounded once, half up; a token price is 1e-15 US dollars, in which every list
price is whole. Tokens that were read from a cache or written to one have prices of their own and are not paid
twice: totals are inclusive. What cannot be priced has no cost, never 0.
"""

import attrs

from domain.model.usage import Usage

FEMTO_PER_NANO = 1_000_000


@attrs.frozen
class Rate:
    """The price of one token.

    Attributes:
        base_femto_usd: 1e-15 US dollars, where no step applies.
        steps: (tokens, 1e-15 US dollars), ascending: the price of *every* token of a call whose input
            has more tokens than that.
    """

    base_femto_usd: int
    steps: tuple[tuple[int, int], ...] = ()

    def of(self, input_tokens: int) -> int:
        """Return the price of a token in a call with so much input."""
        femto_usd = self.base_femto_usd
        for start, step_femto_usd in self.steps:
            if input_tokens <= start:
                break
            femto_usd = step_femto_usd
        return femto_usd


@attrs.frozen(kw_only=True)
class Price:
    """The price list of one model; ``None`` is not known.

    Attributes:
        input: Of input that no cache was involved in.
        output: Reasoning included; ``None`` where a model has no output, e.g. embeddings.
        cache_read: ``None``: as `input`.
        cache_write: For the shortest time to live; ``None``: as `input`.
        cache_write_1h: For an hour; ``None``: such a write cannot be priced.
        call_nano_usd: Of the call as such.
        version: Which list this is from.
    """

    input: Rate
    output: Rate | None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    call_nano_usd: int = 0
    version: str


FREE = Rate(0)
_HALF = FEMTO_PER_NANO // 2


def cost_nano_usd(price: Price, usage: Usage) -> int | None:
    """Return what `usage` costs, or None if that cannot be told."""
    total = usage.input_tokens
    output = usage.output_tokens
    if total is None or (price.output is None and output):
        return None
    read = usage.cache_read_tokens or 0
    hour = usage.cache_write_1h_tokens or 0
    if hour and price.cache_write_1h is None:
        return None
    # A provider that reports the parts need not report the sum.
    written = max(usage.cache_write_tokens or 0, hour + (usage.cache_write_5m_tokens or 0))
    if not (read or written):
        # Most calls: no cache was involved.
        return plain_nano_usd(price, max(0, total), output or 0)
    parts = (
        (max(0, total - read - written), price.input),
        (read, price.cache_read or price.input),
        (written - hour, price.cache_write or price.input),
        (hour, price.cache_write_1h or price.input),
        (output or 0, price.output or FREE),
    )
    femto_usd = sum(tokens * rate.of(total) for tokens, rate in parts if tokens)
    return price.call_nano_usd + (femto_usd + _HALF) // FEMTO_PER_NANO


def plain_nano_usd(price: Price, input_tokens: int, output_tokens: int) -> int | None:
    """Return what so many tokens cost where no cache is involved, or None if that cannot be told."""
    into, out = price.input, price.output
    if out is None:
        if output_tokens:
            return None
        out = FREE
    # Most prices have no steps, and each call asks twice.
    femto_usd = input_tokens * (into.of(input_tokens) if into.steps else into.base_femto_usd)
    femto_usd += output_tokens * (out.of(input_tokens) if out.steps else out.base_femto_usd)
    return price.call_nano_usd + (femto_usd + _HALF) // FEMTO_PER_NANO
