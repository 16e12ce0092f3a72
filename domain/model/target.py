"""Where a call may be answered."""

import attrs


@attrs.frozen
class Target:
    """One model of one provider.

    Attributes:
        provider: Its configured name.
        model: Its name there.
        keys: Aliases of the provider's keys that may be used; empty: all.
    """

    provider: str
    model: str
    keys: tuple[str, ...] = ()
