"""What a call needs of the connection that it came over."""

from typing import Protocol

from entrypoints.grpc.transport.budget import Budget
from entrypoints.grpc.transport.client_certificate import ClientCertificate
from entrypoints.grpc.transport.engine import Engine
from entrypoints.grpc.transport.pressure import Pressure
from entrypoints.grpc.transport.writer import Writer


class Wire(Protocol):
    """What a call needs of its connection."""

    engine: Engine
    peer: str
    client: ClientCertificate | None
    budget: Budget
    pressure: Pressure
    writer: Writer
