"""`llmservice check --health`: whether a running server takes calls, for containers and scripts.

Asked through gRPC's own health protocol, so that it answers for any server that speaks it.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import argparse
import signal

import anyio

from entrypoints.cli.endings import DONE, INTERRUPTED, OperationFailed, one_line
from entrypoints.cli.failure import told
from entrypoints.cli.interrupt import interruptible
from entrypoints.cli.reaching import Reach, reach
from entrypoints.client.errors import CallFailed
from entrypoints.grpc.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse

_CHECK = "/grpc.health.v1.Health/Check"


def command(asked: argparse.Namespace) -> int:
    """Say whether the server takes calls.

    Raises:
        BadUsage: The target makes no sense.
        OperationFailed: It does not take calls, or does not answer in time.
    """
    status = anyio.run(_ask, reach(asked), asked.service, asked.timeout, backend="trio")
    if status is None:
        return INTERRUPTED
    what = asked.service or asked.target
    name = HealthCheckResponse.ServingStatus.Name(status)
    if status != HealthCheckResponse.SERVING:
        raise OperationFailed(one_line(f"{what}: {name}"))
    print(one_line(f"{what}: {name}"))
    return DONE


async def _ask(
    server: Reach, service: str, patience_s: float
) -> "HealthCheckResponse.ServingStatus | None":
    """Return the server's status; None if that was interrupted."""
    status = None
    request = HealthCheckRequest(service=service)
    try:
        with anyio.fail_after(patience_s):
            async with interruptible(signal.SIGINT), server.connect() as client:
                reply = await client.unary(_CHECK, request, HealthCheckResponse)
                status = reply.message.status
    except TimeoutError:
        raise OperationFailed(f"{server.target}: no answer within {patience_s:g} s") from None
    except CallFailed as failure:
        raise OperationFailed(told(failure)) from failure
    return status
