"""Certificates in files, and clients that use them."""

import os
import ssl
from pathlib import Path

import attrs
import grpc
import trustme

from entrypoints.settings.tls import TlsSettings


@attrs.frozen
class Files:
    """An authority, and a server's certificate in a folder.

    Attributes:
        ca: Of the server and of the clients that are let in.
    """

    folder: Path
    ca: trustme.CA = attrs.field(factory=trustme.CA)

    def write(self, *identities: str, ca: trustme.CA | None = None) -> "Files":
        """Write a new certificate, its key and the authority, each file at once."""
        issued = (ca or self.ca).issue_cert(*(identities or ("localhost", "127.0.0.1", "::1")))
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        self.replace("cert.pem", chain)
        self.replace("key.pem", issued.private_key_pem.bytes())
        self.replace("ca.pem", self.ca.cert_pem.bytes())
        return self

    def replace(self, name: str, content: bytes) -> None:
        fresh = self.folder / f".{name}"
        fresh.write_bytes(content)
        os.replace(fresh, self.folder / name)  # noqa: PTH105 - one step, as whoever renews certificates does

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def settings(self, *, reload_s: float = 0, min_version: str = "1.2") -> TlsSettings:
        """Settings without clients' certificates."""
        return TlsSettings(
            certificate=self.path("cert.pem"),
            key=self.path("key.pem"),
            reload_s=reload_s,
            min_version=min_version,
        )

    def mutual(self, *, required: bool = True) -> TlsSettings:
        """Settings with clients' certificates."""
        return attrs.evolve(
            self.settings(), client_ca=self.path("ca.pem"), require_client_certificate=required
        )

    def context(self, *protocols: str, shows: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """A client that trusts the authority, and offers `protocols`."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if protocols:
            context.set_alpn_protocols(protocols)
        if shows is not None:
            shows.configure_cert(context)
        return context

    def credentials(self, shows: trustme.LeafCert | None = None) -> grpc.ChannelCredentials:
        """The same for grpcio."""
        if shows is None:
            return grpc.ssl_channel_credentials(self.ca.cert_pem.bytes())
        return grpc.ssl_channel_credentials(
            self.ca.cert_pem.bytes(),
            shows.private_key_pem.bytes(),
            b"".join(each.bytes() for each in shows.cert_chain_pems),
        )
