"""Which .proto file stands behind which generated module.

Modules are flat in `PACKAGE`, and their files are registered below that path; to others they have the names
that the world knows, which are their paths below `HOME`.
"""

from collections.abc import Mapping

PACKAGE = "entrypoints/grpc/pb"
HOME = "proto"
SOURCES: Mapping[str, str] = {
    "llm_service.proto": "llmservice/v1/llm_service.proto",
    "health.proto": "grpc/health/v1/health.proto",
    "reflection.proto": "grpc/reflection/v1/reflection.proto",
    "reflection_v1alpha.proto": "grpc/reflection/v1alpha/reflection.proto",
}
"""Name of a module's file -> public name."""
