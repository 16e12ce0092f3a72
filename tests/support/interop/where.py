"""Where a server of gRPC's test service is, for clients in other processes."""

import json
from pathlib import Path

import attrs

SECURITY = ("plain", "tls", "mtls")


@attrs.frozen
class Where:
    """One of a server's addresses, and the files to reach it with."""

    engine: str
    security: str
    address: str
    folder: Path

    @classmethod
    def read(cls, line: str) -> "Where":
        """Return what `line` wrote."""
        known = json.loads(line)
        return cls(known["engine"], known["security"], known["address"], Path(known["folder"]))

    def line(self) -> str:
        """Return it as the players read it."""
        return json.dumps(attrs.asdict(self) | {"folder": str(self.folder)}) + "\n"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "client.pem"

    @property
    def key(self) -> Path:
        return self.folder / "client-key.pem"
