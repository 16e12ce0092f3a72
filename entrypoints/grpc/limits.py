"""The settings of the gRPC front door in the transport's words."""

import math

from entrypoints.grpc.transport.allowance import Rate
from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.engine import EngineLimits
from entrypoints.grpc.transport.limits import Limits
from entrypoints.grpc.transport.vigil import Times
from entrypoints.settings.grpc import GrpcSettings


def limits_of(settings: GrpcSettings) -> Limits:
    """Return what one connection may cost."""
    return Limits(
        engine=EngineLimits(
            max_streams=settings.max_streams,
            stream_window=settings.stream_window_bytes,
            connection_window=settings.connection_window_bytes,
            max_frame=settings.max_frame_bytes,
            max_header_list=settings.max_header_bytes,
            resets=Rate(settings.reset_burst, settings.resets_per_s),
            control=Rate(settings.control_burst, settings.control_per_s),
        ),
        times=Times(
            handshake_s=settings.handshake_s,
            write_stall_s=settings.write_stall_s,
            keepalive_s=settings.keepalive_s or math.inf,
            keepalive_timeout_s=settings.keepalive_timeout_s,
            idle_s=settings.max_connection_idle_s or math.inf,
            age_s=settings.max_connection_age_s or math.inf,
            age_grace_s=settings.max_connection_age_grace_s,
        ),
        max_message=settings.max_message_bytes,
        max_answer=settings.max_answer_bytes,
        compress_from=settings.compress_from_bytes if settings.compression == "gzip" else None,
        high_water=settings.stream_queue_bytes,
        max_queued=settings.connection_queue_bytes,
    )


def budget_of(settings: GrpcSettings) -> Budget:
    """Return what may be held for all clients together."""
    return Budget(max_in=settings.max_buffered_bytes, max_out=settings.max_buffered_bytes)
