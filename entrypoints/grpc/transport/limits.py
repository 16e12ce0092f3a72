"""What one connection may cost."""

import attrs
from purerpc import StatusCode

from entrypoints.grpc.transport.engine import EngineLimits, Headers
from entrypoints.grpc.transport.headers import CallHead, Rejection, read_head
from entrypoints.grpc.transport.messages import MessageWriter
from entrypoints.grpc.transport.vigil import Times


@attrs.frozen(kw_only=True)
class Limits:
    """What one connection may cost.

    Attributes:
        engine: Windows, frames, headers, streams, rates.
        times: How long it may wait for its client.
        max_message: Longest message taken, before and after decompression, in bytes.
        max_answer: Longest message sent, before compression, in bytes.
        compress_from: Shortest message that is sent compressed to a client that takes gzip, in bytes;
            None: none is.
        high_water: Bytes queued on a stream above which its handler waits.
        max_queued: Bytes queued on all streams, or in the write under way, above which every handler
            waits until its own stream is empty. Above a quarter of it in the write alone, nothing is
            read either.
    """

    engine: EngineLimits = EngineLimits()
    times: Times = Times()
    max_message: int = 4 * 1024 * 1024
    max_answer: int = 16 * 1024 * 1024
    compress_from: int | None = None
    high_water: int = 256 * 1024
    max_queued: int = 4 * 1024 * 1024

    @property
    def framings(self) -> tuple[MessageWriter, MessageWriter]:
        """How messages are framed for clients that do not take gzip, and for those that do."""
        return MessageWriter(self.max_answer), MessageWriter(self.max_answer, self.compress_from)


def head_within(limits: Limits, headers: Headers) -> CallHead | Rejection:
    """Return what `headers` ask for, or how to turn them away; those above the limit are not read."""
    longest = limits.engine.max_header_list
    # As RFC 9113, 6.5.2, has it. Every call pays for this: twice as fast as a sum over iterators.
    size = 32 * len(headers)
    for name, value in headers:
        size += len(name) + len(value)
    if size > longest:
        return Rejection(
            200, StatusCode.RESOURCE_EXHAUSTED, f"the metadata is longer than {longest} bytes"
        )
    return read_head(headers)
