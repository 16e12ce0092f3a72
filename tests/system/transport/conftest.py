"""Other people's clients against both engines."""

import pytest

from entrypoints.grpc.transport.shim import make_purerpc_importable

# Tests name purerpc's status codes.
make_purerpc_importable()


@pytest.fixture(params=["nghttp2", "h2"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name the engine under test."""
    return str(request.param)
