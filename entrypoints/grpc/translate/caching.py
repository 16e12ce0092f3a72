"""Cache breakpoints, both ways."""

from google.protobuf.duration_pb2 import Duration

from domain.model.caching import CacheControl
from domain.model.errors import FieldViolation
from entrypoints.grpc.pb import llm_service_pb2 as pb


def cache_of(
    control: pb.CacheControl, path: str, wrong: list[FieldViolation]
) -> CacheControl | None:
    """Return `control`; None where it asks for nothing. What makes no sense is added to `wrong`."""
    ttl_s = seconds_of(control.ttl) if control.HasField("ttl") else None
    if not control.use_cache:
        if ttl_s is not None:
            wrong.append(FieldViolation(f"{path}.ttl", "is set, but use_cache is not"))
        return None
    if ttl_s is not None and ttl_s <= 0:
        wrong.append(FieldViolation(f"{path}.ttl", "must be longer than zero"))
    return CacheControl(ttl_s)


def cache_pb(control: CacheControl) -> pb.CacheControl:
    """Return `control` for the wire."""
    if control.ttl_s is None:
        return pb.CacheControl(use_cache=True)
    nanos = round(control.ttl_s * 1e9)
    ttl = Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)
    return pb.CacheControl(use_cache=True, ttl=ttl)


def seconds_of(duration: Duration) -> float:
    """Return `duration` in seconds."""
    return duration.seconds + duration.nanos * 1e-9
