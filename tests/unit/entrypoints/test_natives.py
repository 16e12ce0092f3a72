"""Providers that are known by name."""

import subprocess
import sys

from entrypoints.natives import NATIVES
from entrypoints.settings.native import NativeSettings
from entrypoints.spoken import SPOKEN
from entrypoints.ways import Way, way_to

UNKNOWN = """
import sys
import anyio
from entrypoints.compose import open_service
from entrypoints.settings.loading import structure
settings = {"local": {"enabled": False}, "account": {"database": "memory"}}
async def main():
    async with open_service(structure(settings), environment={}):
        pass
anyio.run(main, backend="trio")
print(*(each for each in sys.modules if each.endswith((".anthropic.codec", ".gemini.codec", "spoken"))))
"""


def test_each_is_spoken_to_by_its_own_name() -> None:
    assert SPOKEN.keys() == NATIVES.keys()
    for kind, native in NATIVES.items():
        assert native.spoken.codec(kind, NativeSettings(kind=kind)).name == kind
        assert (native.spoken.embeddings is not None) is native.embeds


def test_each_is_reached_at_its_home_with_its_key() -> None:
    for kind, native in NATIVES.items():
        way = way_to(kind, NativeSettings(kind=kind), {native.home.key_variable: "k"})
        assert isinstance(way, Way)
        assert way.endpoint.base_url == native.home.base_url


def test_how_one_is_spoken_to_is_not_imported_where_there_is_no_key() -> None:
    run = subprocess.run(
        [sys.executable, "-c", UNKNOWN], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == ""
