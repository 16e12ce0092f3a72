"""Who is calling."""

import attrs


@attrs.frozen
class Caller:
    """The party a call is made for and accounted to.

    Attributes:
        name: Stable name, used in records, logs and limits.
    """

    name: str


ANONYMOUS = Caller("anonymous")
