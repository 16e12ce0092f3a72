"""Settings of TLS at the gRPC front door, section ``[grpc.tls]``."""

import attrs
from attrs.validators import ge, in_

PATH = "path"
"""Metadata of a field that names a file: its value is no secret, whatever the field is called."""


def _path(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if "-----BEGIN" in value or "\n" in value or "\0" in value:
        # What it holds is not repeated: it may be a key.
        raise ValueError(f"'{attribute.name}' must be the path of a file, not what is in it")


def _file() -> str:
    return attrs.field(default="", validator=_path, metadata={PATH: True})


@attrs.frozen(kw_only=True)
class TlsSettings:
    """TLS on every TCP address; sockets of the file system stay plain.

    Attributes:
        certificate: PEM file: the server's certificate, then its intermediate ones; empty: no TLS.
        key: PEM file of its private key, not encrypted; empty: the certificate's file holds it too.
        client_ca: PEM file of the authorities of clients' certificates; empty: none is asked for.
        require_client_certificate: Refuse clients without one.
        min_version: Oldest version of TLS spoken.
        reload_s: Seconds between looks at whether the files have changed; 0: only at SIGHUP.
    """

    certificate: str = _file()
    key: str = _file()
    client_ca: str = _file()
    require_client_certificate: bool = False
    min_version: str = attrs.field(default="1.2", validator=in_(("1.2", "1.3")))
    reload_s: float = attrs.field(default=10.0, validator=ge(0))

    def __attrs_post_init__(self) -> None:
        """Refuse what would silently be without effect.

        Raises:
            ValueError: Something else is missing for it.
        """
        if not self.certificate and (self.key or self.client_ca):
            raise ValueError(
                "'certificate' is missing: name the PEM file of the server's certificate"
            )
        if self.require_client_certificate and not self.client_ca:
            raise ValueError(
                "'client_ca' is missing: name the PEM file of the clients' authorities"
            )
