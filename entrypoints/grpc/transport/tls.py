"""The server's certificate: loaded, watched, and replaced under running connections.

Laws: a connection keeps what it began with, the next one begins with what was loaded last. What cannot be
used changes nothing. Neither what is in a file nor anything of a key is ever told.
"""

import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import attrs
import trio
from loguru import logger

from entrypoints.grpc.transport.validity import Validity, validity
from entrypoints.settings.tls import TlsSettings

PROTOCOL = "h2"

# For TLS 1.2; those of 1.3 are all good. Forward secret and authenticated: RFC 9113, 9.2.2.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_OLDEST = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_NO_WATCH_S = 10.0

_Seen: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class TlsUnusable(Exception):
    """The files cannot serve; the message names the setting, the path and the remedy."""


@attrs.define(eq=False)
class Tls:
    """What handshakes are made with."""

    settings: TlsSettings
    context: ssl.SSLContext
    valid: Validity
    _seen: _Seen
    _broken: _Seen | None = None
    _told: datetime | None = None

    @classmethod
    def load(cls, settings: TlsSettings) -> "Tls":
        """Return what the files of `settings` make.

        Raises:
            TlsUnusable: They make nothing.
        """
        # Looked at before they are read: what changes in between is seen as a change later.
        seen = _look(settings)
        context, valid = _context(settings)
        return cls(settings, context, valid, seen)

    def reload(self, settings: TlsSettings) -> None:
        """Use what the files of `settings` hold now, from the next handshake on.

        Raises:
            TlsUnusable: Nothing has changed.
        """
        fresh = Tls.load(settings)
        self.settings, self.context, self.valid = fresh.settings, fresh.context, fresh.valid
        self._seen, self._broken = fresh._seen, None
        self.tell(datetime.now(UTC))

    def tell(self, now: datetime) -> None:
        """Log until when the certificate is valid, and a warning if that is soon."""
        until = self.valid.not_after.isoformat()
        logger.bind(not_after=until).info("the certificate is loaded")
        self._warn(now)

    def _warn(self, now: datetime) -> None:
        warning = self.valid.warning(now)
        if warning is not None:
            logger.warning(warning)
        self._told = now

    async def watch(self) -> None:
        """Load the files again whenever they have changed, until cancelled."""
        while True:
            await trio.sleep(self.settings.reload_s or _NO_WATCH_S)
            if self.settings.reload_s:
                self._look_again()
            now = datetime.now(UTC)
            if self._told is not None and now.date() != self._told.date():
                # Once a day: a server may run for longer than its certificate is valid.
                self._warn(now)

    def _look_again(self) -> None:
        seen = _look(self.settings)
        if seen == self._seen:
            return
        try:
            self.reload(self.settings)
        except TlsUnusable as error:
            if seen != self._broken:
                # Perhaps only one file of a pair is written so far: the next look will tell.
                self._broken = seen
            else:
                logger.error("the certificate was not reloaded, the old one stays: {}", error)
                self._seen = seen


def _look(settings: TlsSettings) -> _Seen:
    return tuple(
        _stat(path) for path in (settings.certificate, settings.key, settings.client_ca) if path
    )


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - symbolic links are followed: a mounted secret changes by one
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _context(settings: TlsSettings) -> tuple[ssl.SSLContext, Validity]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _OLDEST[settings.min_version]
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols([PROTOCOL])
    valid = _own_certificate(context, settings)
    if settings.client_ca:
        _clients(context, settings)
    return context, valid


def _own_certificate(context: ssl.SSLContext, settings: TlsSettings) -> Validity:
    certificate, key = settings.certificate, settings.key or settings.certificate
    pem = _read("certificate", certificate)
    if "PRIVATE KEY-----" not in _read("key" if settings.key else "certificate", key):
        where = "key" if settings.key else "certificate"
        raise _unusable(where, key, "holds no private key: name its PEM file in grpc.tls.key")

    def password() -> str:
        # Without this a terminal would be asked, and the server hang.
        raise _unusable(
            "key", key, "is encrypted: store it without a passphrase, for this user only"
        )

    try:
        valid = validity(pem)
    except ValueError as error:
        raise _unusable("certificate", certificate, f"{error}; it must be PEM") from None
    try:
        context.load_cert_chain(certificate, key, password)
    except OSError as error:
        raise _unusable("key", key, _words(error)) from None
    return valid


def _clients(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if "-----BEGIN " not in _read("client_ca", settings.client_ca):
        raise _unusable("client_ca", settings.client_ca, "holds no certificate; it must be PEM")
    try:
        context.load_verify_locations(settings.client_ca)
    except OSError as error:
        raise _unusable("client_ca", settings.client_ca, _words(error)) from None
    context.verify_mode = (
        ssl.CERT_REQUIRED if settings.require_client_certificate else ssl.CERT_OPTIONAL
    )


def _read(setting: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise _unusable(
            setting, path, f"cannot be read: {error.strerror}; check the path and who may read it"
        ) from None


def _words(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    if reason == "KEY_VALUES_MISMATCH":
        return "does not belong to the certificate: name the key it was made with"
    return f"cannot be used: {(reason or type(error).__name__).lower().replace('_', ' ')}"


def _unusable(setting: str, path: str, what: str) -> TlsUnusable:
    return TlsUnusable(f"grpc.tls.{setting}: {path}: {what}")
