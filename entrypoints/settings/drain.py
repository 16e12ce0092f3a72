"""Settings of answers that are read on after their callers have left, section ``[drain]``."""

import attrs
from attrs.validators import ge, gt


@attrs.frozen(kw_only=True)
class DrainSettings:
    """How much is read of an answer for the account alone, after its caller has left.

    Attributes:
        max_streams: Answers read at once; those above are cancelled. 0: none ever is.
        max_s: Seconds for each, from its caller's leaving.
        max_bytes: Bytes of text for each, from its caller's leaving.
    """

    max_streams: int = attrs.field(default=100, validator=ge(0))
    max_s: float = attrs.field(default=120.0, validator=gt(0))
    max_bytes: int = attrs.field(default=1_048_576, validator=ge(0))


def check_policy(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    """Refuse what is no policy.

    Raises:
        ValueError: It is none.
    """
    if value not in ("cancel", "drain"):
        raise ValueError(f"'{attribute.name}' must be cancel or drain")
