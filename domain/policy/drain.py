"""How much may be read of answers whose callers are gone."""

import attrs


@attrs.frozen(kw_only=True)
class DrainBounds:
    """Bounds on reading on.

    Attributes:
        max_streams: Answers at once; those above are cancelled as if nothing had been said.
        max_s: For each, from its caller's leaving.
        max_bytes: Of text for each, from its caller's leaving, as UTF-8.
    """

    max_streams: int = 100
    max_s: float = 120.0
    max_bytes: int = 1_048_576
