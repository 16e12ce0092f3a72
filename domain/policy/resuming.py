"""Where an answer goes on for a caller that lost its connection in the middle."""

from domain.model.errors import FieldViolation, InvalidRequest

RESUME_FROM = "x-resume-from"
"""How the caller says what it has: the `sequence` of its last message."""


def next_after(seen: int, first: int, count: int) -> int:
    """Return the number of the event to go on with.

    Args:
        seen: Number of the last event that the caller has.
        first: Number of the oldest that is kept.
        count: How many there have been.

    Raises:
        InvalidRequest: There was no such event, or what follows it is not kept any more.
    """
    if seen >= count:
        raise _refused(
            f"is {seen}, and {count} messages were sent, numbered from 0: send the `sequence` of the last one"
            " that you have"
        )
    if seen + 1 < first:
        raise _refused(
            f"is {seen}, and what is kept begins at {first}: call again with a new idempotency_key"
        )
    return seen + 1


def unknown() -> InvalidRequest:
    """Return the error for a caller that comes back too late, or to the wrong place."""
    return _refused(
        "nothing is held under this idempotency_key here, or not any more: call again without x-resume-from"
    )


def _refused(what: str) -> InvalidRequest:
    return InvalidRequest(FieldViolation(RESUME_FROM, what))
