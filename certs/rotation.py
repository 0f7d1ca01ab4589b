"""When to renew: pure answers to "is it time?", from the certificate and the wall clock alone.

Nothing is remembered between two looks, so a suspended node or a clock that jumps costs no more
than one look (webhook facts 4.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509

from certs.authority import Pair

__all__ = ["due", "flaw", "renewal_time"]


def renewal_time(certificate: x509.Certificate) -> datetime:
    """Two thirds into the certificate's life."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_before_utc + life * 2 / 3


def due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether to renew: two thirds of its life are over, or a clock jumped to before it."""
    return now >= renewal_time(certificate) or now < certificate.not_valid_before_utc


def flaw(
    pair: Pair, now: datetime, *, issuer: Pair | None = None, names: Iterable[str] = ()
) -> str | None:
    """Why a stored pair must be issued anew, in words for a log; None when it is good.

    Args:
        pair: certificate and key as stored.
        now: the wall clock.
        issuer: the CA that must have signed it; none for a CA itself.
        names: DNS names it must serve.
    """
    try:
        certificate = pair.parsed
    except ValueError:
        return "is not a PEM certificate"
    if not pair.matches:
        return "does not belong to its key"
    if issuer is not None and not pair.signed_by(issuer):
        return "is not signed by the current CA"
    if missing := sorted(set(names) - set(_dns_names(certificate))):
        return f"does not name {', '.join(missing)}"
    if due(certificate, now):
        return f"is due: {_left(certificate, now)}"
    return None


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)


def _left(certificate: x509.Certificate, now: datetime) -> str:
    left = certificate.not_valid_after_utc - now
    if left <= timedelta(0):
        return "it has expired"
    return f"{left.days} d {left.seconds // 3600} h of its life are left"
