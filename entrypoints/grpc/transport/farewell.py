"""How a client is sent away without losing a call: told to open no more streams, then which are still served.

Between the two lies one trip to the client and back: what it opened before it heard the first is then here.
Source: RFC 9113, 6.8
"""

import attrs
import trio

from entrypoints.grpc.transport.engine import NO_ERROR, Engine
from entrypoints.grpc.transport.vigil import Vigil

_PAYLOAD = b"goodbye "


@attrs.define(eq=False)
class Farewell:
    """The way out of one connection; each step is taken once."""

    _engine: Engine
    _vigil: Vigil

    @property
    def begun(self) -> bool:
        """Whether the client was told to open no more streams."""
        return self._vigil.drained_s is not None

    def begin(self) -> None:
        """Tell the client to open no more streams."""
        if not self.begun:
            self._vigil.drained_s = trio.current_time()
            self._engine.announce_goaway()
            self._engine.ping(_PAYLOAD)

    def heard(self, payload: bytes) -> None:
        """Know of the answer to a PING."""
        if payload == _PAYLOAD:
            self.end()

    def end(self) -> None:
        """Tell the client which streams are served, and take no others."""
        if not self._vigil.last_said:
            self._vigil.last_said = True
            self._engine.goaway(NO_ERROR)
