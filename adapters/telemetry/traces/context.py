"""The place in a trace, as it travels from one program to the next.

Source: https://www.w3.org/TR/trace-context/
"""

import re

import attrs

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 0x01


@attrs.frozen
class Parent:
    """The span that a call is part of.

    Attributes:
        sampled: Whether its maker keeps it.
    """

    trace_id: int
    span_id: int
    sampled: bool


def parent_in(traceparent: str) -> Parent | None:
    """Return what `traceparent` says; None: nothing that one could follow."""
    found = _FORM.fullmatch(traceparent)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    # Later versions may say more; the first one, and the one that is forbidden, may not.
    if version == "ff" or (version == "00" and more):
        return None
    parent = Parent(int(trace, 16), int(span, 16), bool(int(flags, 16) & _SAMPLED))
    return parent if parent.trace_id and parent.span_id else None


def traceparent_of(trace_id: int, span_id: int) -> str:
    """Return how a span that is kept is told to those whom it asks."""
    return f"00-{trace_id:032x}-{span_id:016x}-01"
