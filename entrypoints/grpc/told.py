"""What the log is told of calls."""

from collections.abc import Callable

import attrs

from entrypoints.grpc.call_line import Tell, by_loguru
from entrypoints.grpc.content import Content


@attrs.frozen(kw_only=True)
class Told:
    """Who takes what.

    Attributes:
        call: Takes the line of each call.
        rejected: Takes the line of what was no call, with words in it that strangers have chosen.
        content: Says what was asked and answered; ``None``: the log does not.
        dropped: How many lines were lost since the start.
    """

    call: Tell = by_loguru
    rejected: Tell = by_loguru
    content: Content | None = None
    dropped: Callable[[], int] = lambda: 0


BY_LOGURU = Told()
