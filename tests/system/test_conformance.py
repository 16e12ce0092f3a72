"""gRPC's interoperability cases: other people's clients, the real server in processes of its own.

What `just conformance` plays in full, with the clients that are libraries: plainly on both engines, with TLS
on one and with clients' certificates on the other.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.interop.cases import CASES
from tests.support.interop.results import Result, players
from tests.support.interop.server import certificates, interop_server
from tests.support.interop.where import Where

CLIENTS = ("grpcio", "grpcio_aio", "grpclib", "own", "grpc-js")
PLACES = (("nghttp2", "plain"), ("h2", "plain"), ("nghttp2", "tls"), ("h2", "mtls"))
Playing = dict[str, "Future[list[Result]]"]


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playing]:
    """Have every client play at once."""
    folder = tmp_path_factory.mktemp("interop")
    certificates(folder)
    with (
        interop_server("nghttp2", folder) as first,
        interop_server("h2", folder) as second,
        ThreadPoolExecutor() as threads,
    ):
        places = [each for each in (*first, *second) if (each.engine, each.security) in PLACES]
        yield {name: threads.submit(players(folder / "node")[name], places) for name in CLIENTS}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_what_the_description_says(playing: Playing, client: str) -> None:
    results = playing[client].result()
    if all(each.outcome == "skipped" for each in results):
        pytest.skip(results[0].why)
    assert [each for each in results if each.outcome == "failed"] == []
    assert len(results) == len(CASES) * len(PLACES)
    assert [each for each in results if each.outcome == "passed"] != []


def test_a_server_that_is_not_there_passes_nothing(tmp_path: Path) -> None:
    nobody = Where("none", "plain", "127.0.0.1:1", tmp_path)
    results = players(tmp_path)["grpcio_aio"]([nobody])
    assert {each.case for each in results if each.outcome == "failed"} >= {
        "empty_unary",
        "custom_metadata",
        "unimplemented_method",
    }
