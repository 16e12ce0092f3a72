"""A task group's failure, as itself.

The few services that need a task group still raise what a caller expects: one error, not a group of one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio


@contextmanager
def single_error_unwrapped() -> Iterator[None]:
    """Replace a group that holds just one error, at any depth, by that error.

    Cancellation beside errors is left out: as in a block without a task group, an error that comes up
    while a cancelled block is left comes out in the cancellation's place.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        errors, others = group.split(Exception)
        if errors is None or (others is not None and not _only_cancelled(others)):
            raise
        error: Exception = errors
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if error is errors and others is None:
            raise
        # The group says nothing that its only error does not.
        raise error from error.__cause__  # noqa: ASYNC123


@contextmanager
def only_error_as_itself() -> Iterator[None]:
    """Replace a group of one error by that error, whatever that is.

    For a task group whose tasks never fail, so that what comes out of it is what its block raised: a group
    that the block raised itself stays one.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        errors, others = group.split(Exception)
        if (
            errors is None
            or len(errors.exceptions) != 1
            or (others is not None and not _only_cancelled(others))
        ):
            raise
        error = errors.exceptions[0]
        raise error from error.__cause__  # noqa: ASYNC123


def _only_cancelled(group: BaseExceptionGroup[BaseException]) -> bool:
    return group.split(anyio.get_cancelled_exc_class())[1] is None
