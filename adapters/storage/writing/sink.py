"""What the writer writes to, in its words."""

from collections.abc import Sequence
from typing import Protocol

from adapters.storage.writing.rows import Row


class SinkAway(Exception):
    """Nothing can be written now; the message says why, in one line, and holds no secret."""


class RowRefused(Exception):
    """One of the rows can never be written, and none of them was."""


class Sink(Protocol):
    """A database that takes rows; used by one thread at a time."""

    def insert(self, rows: Sequence[Row], /) -> None:
        """Write all `rows` in one transaction; a row that is there already is left as it is.

        Raises:
            SinkAway: Nothing was written, as far as is known.
            RowRefused: Nothing was written.
        """
        ...

    def interrupt(self) -> None:
        """Make an `insert` in another thread fail soon; does nothing if there is none."""
        ...
