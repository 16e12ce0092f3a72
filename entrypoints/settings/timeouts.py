"""Settings of patience with providers, section ``[timeouts]``."""

import attrs
from attrs.validators import gt


@attrs.frozen(kw_only=True)
class TimeoutSettings:
    """Patience with providers, in seconds; a call may ask for its own.

    Attributes:
        connect_s: For a connection, TLS included.
        first_token_s: From the start of an attempt to its first content.
        idle_s: Between two pieces of content.
        whole_s: For an answer that is not streamed.
    """

    connect_s: float = attrs.field(default=10.0, validator=gt(0))
    first_token_s: float = attrs.field(default=300.0, validator=gt(0))
    idle_s: float = attrs.field(default=120.0, validator=gt(0))
    whole_s: float = attrs.field(default=600.0, validator=gt(0))
