"""Every law of the transport holds for both engines."""

import pytest


@pytest.fixture(params=["nghttp2", "h2"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name the engine under test."""
    return str(request.param)
