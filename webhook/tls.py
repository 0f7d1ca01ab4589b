"""The TLS context of new connections: read again when the files change, the last good one kept.

Certificate and key are two files, and a swap may be caught half-way: a pair that does not fit
never replaces one that does (webhook facts 4.6). The CA of clients is a third, and no different.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from cryptography import x509

from webhook.metrics import CERTIFICATE_EXPIRY, CERTIFICATE_RELOADS

__all__ = ["Contexts", "NoCertificateError"]

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
#: A pair that did not fit is tried again this soon, though its files look the same.
_RETRY_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)

#: What tells one state of a file from another.
_Stamp: TypeAlias = tuple[tuple[int, int, int], ...]


class NoCertificateError(Exception):
    """There has never been a pair that fits; the message says what is wrong with it."""


class Contexts:
    """Gives the context for the next connection. Safe for any number of threads.

    Args:
        directory: holds ``tls.crt`` and ``tls.key``.
        minimum: the oldest TLS version spoken.
        factory: makes a context that only lacks a certificate.
        client_authority: the file that ``factory`` reads the CA of clients from, if it does.
    """

    def __init__(
        self,
        directory: Path,
        *,
        minimum: ssl.TLSVersion,
        factory: Callable[[], ssl.SSLContext],
        client_authority: Path | None,
    ) -> None:
        self._certificate = directory / CERTIFICATE
        self._key = directory / KEY
        self._read = (self._certificate, self._key, *filter(None, (client_authority,)))
        self._minimum = minimum
        self._factory = factory
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._seen: _Stamp = ()
        self._retry_at = 0.0

    def current(self) -> ssl.SSLContext:
        """The context of the newest pair that fits.

        Raises:
            NoCertificateError: there has been none yet.
        """
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen or (self._retry_at and time.monotonic() >= self._retry_at):
                self._load(stamp)
            if self._context is None:
                raise NoCertificateError(f"no usable certificate and key in {self._key.parent}")
            return self._context

    def _load(self, stamp: _Stamp) -> None:
        changed, self._seen = stamp != self._seen, stamp
        try:
            context = self._factory()
            context.minimum_version = self._minimum
            context.load_cert_chain(self._certificate, self._key)
            expires = _end_of(self._certificate)
        except (OSError, ValueError) as error:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            if changed:
                CERTIFICATE_RELOADS.labels("refused").inc()
                _log.warning("Kept last good certificate", extra={"error": str(error)})
            return
        self._context, self._retry_at = context, 0.0
        CERTIFICATE_EXPIRY.set(expires.timestamp())
        CERTIFICATE_RELOADS.labels("loaded").inc()
        _log.info("Loaded certificate", extra={"expires": expires.isoformat()})

    def _stamp(self) -> _Stamp:
        try:
            found = [path.stat() for path in self._read]
        except OSError:
            return ()
        return tuple((stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in found)


def _end_of(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc.astimezone(UTC)
