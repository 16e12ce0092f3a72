"""What goes wrong at a socket, in httpx's words: one table for each thing that we do with it."""

from collections.abc import Sequence
from types import TracebackType

import anyio
import attrs
import httpx

_LOST = "the connection was lost"
"""What an error without words says: it is the stream's own, whose name tells nobody anything."""


@attrs.frozen
class Translated:
    """A block whose errors are translated; the first entry that fits wins. Holds nothing, so one serves all.

    Attributes:
        table: Kinds of error, and what they become.
    """

    table: Sequence[tuple[tuple[type[Exception], ...], type[httpx.TransportError]]]

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            return
        for kinds, meaning in self.table:
            if isinstance(error, kinds):
                raise meaning(str(error) or _LOST) from error


def lost(error: Exception, kind: type[httpx.TransportError]) -> httpx.TransportError:
    """Return what `error`, one of `GONE`, means where a `kind` of thing was done."""
    return kind(str(error) or _LOST)


GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)
"""What a socket raises that is of no more use."""

CONNECTING = Translated((((TimeoutError,), httpx.ConnectTimeout), (GONE, httpx.ConnectError)))
WAITING = Translated((((TimeoutError,), httpx.PoolTimeout),))
