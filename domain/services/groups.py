"""A task group's failure, as itself.

The few services that need a task group still raise what a caller expects: one error, not a group of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_error_unwrapped() -> Iterator[None]:
    """Replace a group that holds just one error, at any depth, by that error."""
    try:
        yield
    except ExceptionGroup as group:
        error: Exception = group
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if error is group:
            raise
        raise error from error.__cause__
