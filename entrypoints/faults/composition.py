"""The settings of a service whose providers fail as the rows say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from adapters.faults.format import Format
from adapters.faults.steps import Play
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
            "providers": dict(_providers(rows, addresses)),
        }
    )


def plays_of(rows: Iterable[Row]) -> Mapping[str, Sequence[Play]]:
    """Return what all their providers do, by name."""
    own = {row.key: row.plays for row in rows}
    return own | {row.other: (row.well,) for row in rows if row.trial.fallback}


def _providers(rows: Iterable[Row], addresses: Addresses) -> Iterator[tuple[str, Any]]:
    for row in rows:
        place = addresses.down if row.fault == "refused" else addresses.up
        yield row.key, _provider(row.format, f"{place}/{row.key}")
        if row.trial.fallback:
            yield row.other, _provider(row.format, f"{addresses.up}/{row.other}")


def _provider(format_: Format, place: str) -> dict[str, Any]:
    return {"kind": format_.kind, "base_url": place + format_.base, "api_key_env": _KEY}
