"""Every law of the client holds for both engines."""

import pytest

from entrypoints.grpc.transport.engine import EngineFactory, engine_factory
from entrypoints.grpc.transport.shim import make_purerpc_importable

# Tests name purerpc's status codes.
make_purerpc_importable()


@pytest.fixture(params=["nghttp2", "h2"])
def both_engines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have clients use the engine under test."""
    made = engine_factory(request.param)

    def chosen(name: str) -> EngineFactory:
        return made

    monkeypatch.setattr("entrypoints.client.client.engine_factory", chosen)
