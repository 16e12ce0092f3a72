"""One folder for all houses, so that they keep one account, and with it one ceiling."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.house import House, open_house


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def house(state: Path) -> Iterator[House]:
    with open_house(state) as opened:
        yield opened
