"""The settings of a service whose providers fail as the rows say."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from entrypoints.faults.rows import Row
from entrypoints.settings.loading import structure
from entrypoints.settings.tree import Settings

_KEY = "FAULTS_KEY"
ENVIRONMENT: Mapping[str, str] = {_KEY: "sk-scripted-0123456789"}
"""What the providers' keys are taken from."""


@attrs.frozen
class Addresses:
    """Where the scripted providers are, each like ``http://127.0.0.1:8080``.

    Attributes:
        up: Where they answer.
        down: Where nobody does.
    """

    up: str
    down: str


def settings_for(rows: Iterable[Row], addresses: Addresses, database: str) -> Settings:
    """Return the settings of a service with one provider for each of `rows`.

    Each has its own, so that one that fails is in no other one's way.

    Args:
        rows: Whom to set up.
        addresses: Where they are.
        database: Where the account is kept, as ``account.database``.
    """
    return structure(
        {
            "grpc": {"host": "127.0.0.1", "port": 0},
            "local": {"enabled": False},
            "account": {"database": database},
            "providers": {row.key: _provider(row, addresses) for row in rows},
        }
    )


def _provider(row: Row, addresses: Addresses) -> dict[str, Any]:
    place = addresses.down if row.fault == "refused" else addresses.up
    return {
        "kind": row.format.kind,
        "base_url": f"{place}/{row.key}{row.format.base}",
        "api_key_env": _KEY,
    }
