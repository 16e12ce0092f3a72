"""All services of the front door: the models', and what tells about the server itself."""

from collections.abc import Sequence

import purerpc

from domain.services.service import Service
from entrypoints.grpc.content import Content
from entrypoints.grpc.handlers import EmbeddingHandlers, LLMHandlers, ModelHandlers, UsageHandlers
from entrypoints.grpc.health import HealthHandlers
from entrypoints.grpc.reflection import (
    NAMES,
    Reflection,
    ReflectionHandlers,
    ReflectionHandlersAlpha,
)
from entrypoints.grpc.transport.draining import Draining


def services_of(
    service: Service, draining: Draining, content: Content | None = None
) -> Sequence[purerpc.Service]:
    """Return the services through which `service` is called, and its health."""
    ours = [
        LLMHandlers(service, content=content).service,
        ModelHandlers(service).service,
        EmbeddingHandlers(service).service,
        UsageHandlers(service).service,
    ]
    return [*ours, HealthHandlers(frozenset(each.name for each in ours), draining).service]


def with_reflection(services: Sequence[purerpc.Service]) -> Sequence[purerpc.Service]:
    """Return `services` and, in both versions, the one that tells what they are, itself among them."""
    reflection = Reflection(frozenset({*NAMES, *(each.name for each in services)}))
    versions = (ReflectionHandlers, ReflectionHandlersAlpha)
    return [*services, *(each(reflection).service for each in versions)]
