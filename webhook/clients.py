"""Who may ask for a review: whoever shows a certificate of the API server's.

Without it anybody who reaches the port can ask what would be refused or warned of; nothing can be
changed, and of a Secret no more is told than that it is there and has its keys, so the check is an
option. The API server shows its certificate where its admission configuration names one for us.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import request
from werkzeug.exceptions import Forbidden

__all__ = ["known_client"]

_REVIEWS: Final = ("/validate/", "/mutate/")


def known_client(names: frozenset[str]) -> Callable[[], None]:
    """A check before each request.

    Args:
        names: common names that are let in; every verified certificate when empty.
    """

    def check() -> None:
        if not request.path.startswith(_REVIEWS):
            return  # probes and Prometheus have no certificate
        certificate = _certificate(request.environ.get("gunicorn.socket"))
        if not certificate:
            raise Forbidden("show a client certificate")
        if names and names.isdisjoint(_common_names(certificate)):
            raise Forbidden("this client certificate is of nobody who is let in")

    return check


def _certificate(connection: object) -> dict[str, Any]:
    """What the client has shown, and TLS has verified; empty when nothing."""
    if not isinstance(connection, ssl.SSLSocket):
        return {}
    return dict(connection.getpeercert() or {})


def _common_names(certificate: dict[str, Any]) -> Iterator[str]:
    for part in certificate.get("subject", ()):
        yield from (value for key, value in part if key == "commonName")
