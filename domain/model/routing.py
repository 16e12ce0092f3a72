"""What a caller wants done when an attempt fails."""

from enum import StrEnum

import attrs

from domain.model.target import Target


class MidStream(StrEnum):
    """What becomes of a streamed answer that breaks off after part of it was delivered."""

    FAIL = "fail"
    RESTART_WITH_MARKER = "restart_with_marker"


@attrs.frozen(kw_only=True)
class Routing:
    """Where else a call may go, and how often.

    Attributes:
        fallbacks: Tried in this order where the first choice fails.
        max_attempts: Requests to providers for this call, on all routes together; ``None`` is the
            configured number.
        mid_stream: What becomes of an answer that breaks off.
        hedge_after_s: How long the first choice may take to its first content before the next one is asked
            too; ``None`` is the configured choice.
        retry_after_accept: Whether a request that a provider has accepted, and may be paid for, may be
            sent again; ``None`` is the configured choice.
    """

    fallbacks: tuple[Target, ...] = ()
    max_attempts: int | None = None
    mid_stream: MidStream = MidStream.FAIL
    hedge_after_s: float | None = None
    retry_after_accept: bool | None = None


DEFAULT_ROUTING = Routing()
