"""`models` against servers that want TLS, a certificate, a token; and over a socket of the file system."""

import hashlib
from pathlib import Path

import pytest

from tests.support.cli_runs import CONFIG, run, serving, started, wait_until
from tests.support.interop.server import certificates
from tests.support.planted import planted

TOKEN = planted("s3cret")


def secured(folder: Path) -> str:
    """Return a configuration that wants all of it."""
    certificates(folder)
    return f"""{CONFIG}
[grpc.tls]
certificate = "{folder}/server.pem"
key = "{folder}/server-key.pem"
client_ca = "{folder}/ca.pem"
require_client_certificate = true

[callers.me]
token_sha256 = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"
"""


def test_trust_a_certificate_and_a_token_let_one_in(tmp_path: Path) -> None:
    trust = f"--tls-ca={tmp_path}/ca.pem"
    shown = (f"--tls-cert={tmp_path}/client.pem", f"--tls-key={tmp_path}/client-key.pem")
    with serving(tmp_path, secured(tmp_path)) as server:
        there = f"--target=https://{server.address}"
        done = run("models", there, trust, *shown, LLMSERVICE_TOKEN=TOKEN)
        assert done.returncode == 0, done.stderr
        assert "hello" in done.stdout
        for words, token, told in (
            ((there, trust, *shown), "another", "UNAUTHENTICATED"),
            ((there, trust), TOKEN, "certificate"),
            ((there, *shown), TOKEN, "not trusted"),
            ((f"--target={server.address}",), TOKEN, "TLS"),
        ):
            done = run("models", *words, LLMSERVICE_TOKEN=token)
            assert done.returncode == 1, done.stdout
            assert told in done.stderr
            assert TOKEN not in done.stderr
        assert TOKEN not in server.log()


@pytest.mark.parametrize("form", ["unix:{}", "unix://{}"])
def test_a_socket_of_this_machine(tmp_path: Path, form: str) -> None:
    socket, config, told = (tmp_path / name for name in ("s", "c.toml", "address"))
    config.write_text(f'{CONFIG}\n[grpc]\nlisten = ["unix:{socket}"]\n')
    with started("serve", f"--config={config}", f"--address-file={told}"):
        wait_until(told.exists, "the address")
        done = run("models", f"--target={form.format(socket)}")
    assert done.returncode == 0, done.stderr
    assert "hello" in done.stdout
