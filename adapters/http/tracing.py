"""A provider is told the trace that a request is part of, where it is part of one.

Source: https://www.w3.org/TR/trace-context/
"""

import attrs

from adapters.wire.codec import WireRequest
from domain.model.call import ChatCall
from domain.model.embedding import EmbeddingCall


def traced(wire: WireRequest, call: ChatCall | EmbeddingCall) -> WireRequest:
    """Return `wire` with the place of `call` in its trace."""
    if not call.traceparent:
        return wire
    headers = {**wire.headers, "traceparent": call.traceparent}
    if call.tracestate:
        headers["tracestate"] = call.tracestate
    return attrs.evolve(wire, headers=headers)
