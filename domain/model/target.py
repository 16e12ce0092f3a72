"""Where a call may be answered."""

import attrs


@attrs.frozen
class Target:
    """One model of one provider.

    Attributes:
        provider: Its configured name.
        model: Its name there.
    """

    provider: str
    model: str
