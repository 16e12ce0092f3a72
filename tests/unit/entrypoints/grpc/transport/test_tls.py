"""The certificate: what cannot serve is refused with a remedy, and a new one is taken over at once."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing
from cryptography.hazmat.primitives import serialization as pem
from loguru import logger

from entrypoints.grpc.transport.tls import Tls, TlsUnusable
from tests.support.tls_files import Files

ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAAAAAAAAAAAAAAAAAA
-----END ENCRYPTED PRIVATE KEY-----
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path).write()


@pytest.fixture
def log() -> Iterator[list[str]]:
    told: list[str] = []
    sink = logger.add(
        lambda message: told.append(f"{message.record['level'].name} {message.record['message']}"),
        level="DEBUG",
        format="",
    )
    yield told
    logger.remove(sink)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cert.pem", None, "grpc.tls.certificate: .*cert.pem: cannot be read: No such file"),
        ("cert.pem", b"\xff\x00", "grpc.tls.certificate: .*: holds no certificate"),
        ("key.pem", None, "grpc.tls.key: .*key.pem: cannot be read: No such file"),
        ("key.pem", b"", "grpc.tls.key: .*: holds no private key"),
        ("key.pem", ENCRYPTED, "grpc.tls.key: .*: (is encrypted: store it|cannot be used)"),
        ("ca.pem", None, "grpc.tls.client_ca: .*ca.pem: cannot be read"),
        ("ca.pem", b"nothing", "grpc.tls.client_ca: .*: holds no certificate"),
        ("ca.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "grpc.tls.client_ca: .*: cannot be"),
    ],
)
def test_a_file_that_cannot_serve_is_named(
    files: Files, name: str, content: bytes | None, words: str
) -> None:
    if content is None:
        Path(files.path(name)).unlink()
    else:
        files.replace(name, content)
    with pytest.raises(TlsUnusable, match=words):
        Tls.load(files.mutual())


def test_an_encrypted_key_is_refused_without_asking_anybody(files: Files) -> None:
    key = pem.load_pem_private_key(Path(files.path("key.pem")).read_bytes(), None)
    locked = pem.BestAvailableEncryption(b"s3cret")
    files.replace("key.pem", key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked))
    with pytest.raises(TlsUnusable, match="is encrypted: store it without a passphrase"):
        Tls.load(files.settings())


def test_a_key_of_another_certificate_is_refused(files: Files, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Files(tmp_path / "other").write()
    mixed = attrs.evolve(files.settings(), key=other.path("key.pem"))
    with pytest.raises(TlsUnusable, match=r"grpc.tls.key: .*: does not belong to the certificate"):
        Tls.load(mixed)


def test_one_file_may_hold_both(files: Files) -> None:
    both = b"".join(Path(files.path(name)).read_bytes() for name in ("key.pem", "cert.pem"))
    files.replace("both.pem", both)
    Tls.load(attrs.evolve(files.settings(), certificate=files.path("both.pem"), key=""))


def test_an_expired_certificate_is_told_and_served(files: Files, log: list[str]) -> None:
    now = datetime.now(UTC)
    old = files.ca.issue_cert(
        "localhost", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
    )
    files.replace("cert.pem", old.cert_chain_pems[0].bytes())
    files.replace("key.pem", old.private_key_pem.bytes())
    Tls.load(files.settings()).tell(now)
    assert any(line.startswith("WARNING the certificate EXPIRED") for line in log)


async def test_files_that_change_are_loaded_within_the_interval(
    files: Files, log: list[str], autojump_clock: trio.testing.MockClock
) -> None:
    tls = Tls.load(files.settings(reload_s=10))
    before = tls.context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.watch)
        await trio.sleep(100)
        assert tls.context is before
        files.write()
        await trio.sleep(10.5)
        assert tls.context is not before
        nursery.cancel_scope.cancel()
    assert log == ["INFO the certificate is loaded"]


async def test_files_are_left_alone_when_that_is_asked_for(
    files: Files, autojump_clock: trio.testing.MockClock
) -> None:
    tls = Tls.load(files.settings(reload_s=0))
    before = tls.context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.watch)
        files.write()
        await trio.sleep(100)
        assert tls.context is before
        tls.reload(tls.settings)
        assert tls.context is not before
        nursery.cancel_scope.cancel()


async def test_a_pair_may_be_written_one_file_after_the_other(
    files: Files, log: list[str], autojump_clock: trio.testing.MockClock
) -> None:
    tls = Tls.load(files.settings(reload_s=10))
    before = tls.context
    fresh = files.ca.issue_cert("localhost")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.watch)
        files.replace("cert.pem", fresh.cert_chain_pems[0].bytes())
        await trio.sleep(15)
        assert tls.context is before
        files.replace("key.pem", fresh.private_key_pem.bytes())
        await trio.sleep(10)
        assert tls.context is not before
        nursery.cancel_scope.cancel()
    assert log == ["INFO the certificate is loaded"]


async def test_a_broken_pair_is_told_once_and_the_old_one_stays(
    files: Files, log: list[str], autojump_clock: trio.testing.MockClock
) -> None:
    tls = Tls.load(files.settings(reload_s=10))
    before = tls.context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.watch)
        files.replace("cert.pem", files.ca.issue_cert("localhost").cert_chain_pems[0].bytes())
        await trio.sleep(1000)
        assert tls.context is before
        nursery.cancel_scope.cancel()
    assert [line.split(":")[0] for line in log] == [
        "ERROR the certificate was not reloaded, the old one stays"
    ]


async def test_a_mounted_secret_changes_by_its_link(
    files: Files, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        for each in ("cert.pem", "key.pem"):
            shutil.copy(files.path(each), tmp_path / name / each)
        files.write()
    live, fresh = tmp_path / "live", tmp_path / "fresh"
    live.symlink_to("v1")
    tls = Tls.load(
        attrs.evolve(
            files.settings(reload_s=10),
            certificate=str(live / "cert.pem"),
            key=str(live / "key.pem"),
        )
    )
    before = tls.context
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tls.watch)
        fresh.symlink_to("v2")
        os.replace(fresh, live)  # noqa: PTH105 - as those who mount secrets do
        await trio.sleep(10.5)
        assert tls.context is not before
        nursery.cancel_scope.cancel()
