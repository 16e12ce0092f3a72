"""Other people's clients against both engines."""

import pytest

import entrypoints.grpc.transport.shim  # noqa: F401


@pytest.fixture(params=["nghttp2", "h2"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name the engine under test."""
    return str(request.param)
