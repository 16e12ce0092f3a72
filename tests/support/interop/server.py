"""A server of gRPC's test service, as a process.

usage: python -m tests.support.interop.server ENGINE FOLDER

It listens plainly, with TLS, and with TLS that wants a client's certificate; ``ENGINE.json`` in FOLDER says
where, once it accepts calls. The certificates in FOLDER are made by `certificates`.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import trio
import trustme

from entrypoints.addresses import Address
from entrypoints.grpc.transport.dispatch import Dispatcher
from entrypoints.grpc.transport.engine import engine_factory
from entrypoints.grpc.transport.server import Server
from entrypoints.grpc.transport.tls import Tls
from entrypoints.settings.tls import TlsSettings
from tests.support.cli_runs import started, wait_until
from tests.support.grpc_service import Ends
from tests.support.interop.where import SECURITY, Where


def certificates(folder: Path) -> None:
    """Make an authority, a server's certificate and a client's, in `folder`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, identity in (("server", "127.0.0.1"), ("client", "client.example")):
        made = authority.issue_cert(identity)
        made.private_key_pem.write_to_path(str(folder / f"{name}-key.pem"))
        for each in made.cert_chain_pems:
            each.write_to_path(str(folder / f"{name}.pem"), append=True)


def _tls(security: str, folder: Path) -> Tls | None:
    if security == "plain":
        return None
    settings = TlsSettings(
        certificate=str(folder / "server.pem"), key=str(folder / "server-key.pem")
    )
    if security == "mtls":
        settings = attrs.evolve(
            settings, client_ca=str(folder / "ca.pem"), require_client_certificate=True
        )
    return Tls.load(settings)


async def _serve(engine: str, folder: Path) -> None:
    # Late: clients that import what is above need not know our messages.
    from tests.support.interop.service import interop_service  # noqa: PLC0415

    dispatcher = Dispatcher.of([interop_service()], Ends().endings())
    async with trio.open_nursery() as nursery:
        addresses = {}
        for security in SECURITY:
            server = Server(dispatcher, engine_factory(engine), tls=_tls(security, folder))
            addresses[security] = str(await nursery.start(server.serve, Address("127.0.0.1", 0)))
        unfinished = folder / f"{engine}.unfinished"
        unfinished.write_text(json.dumps(addresses))
        unfinished.replace(folder / f"{engine}.json")


@contextmanager
def interop_server(engine: str, folder: Path) -> Iterator[list[Where]]:
    """Have a server run while the block does; yield its addresses."""
    told = folder / f"{engine}.json"
    with started(
        engine, str(folder), program=(sys.executable, "-m", "tests.support.interop.server")
    ) as process:
        wait_until(lambda: told.exists() or process.poll() is not None, "the server's addresses")
        if not told.exists():
            raise AssertionError(process.communicate()[1])
        addresses = json.loads(told.read_text())
        yield [Where(engine, each, addresses[each], folder) for each in SECURITY]


if __name__ == "__main__":
    trio.run(_serve, sys.argv[1], Path(sys.argv[2]))
