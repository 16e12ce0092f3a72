"""Prompt caching at the provider: where a prefix may be cut, and for how long it is kept."""

import attrs


@attrs.frozen
class CacheControl:
    """A cache breakpoint: everything up to here may be cached by the provider.

    Attributes:
        ttl_s: How long the provider keeps the prefix, in seconds; ``None`` is
            the provider's default. A ttl is honoured or refused, never dropped.
    """

    ttl_s: float | None = None
