"""When to renew: pure answers to "is it time?", from the certificate and the wall clock alone.

Nothing is remembered between two looks, so a suspended node or a clock that jumps costs no more
than one look (webhook facts 4.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509

from certs.authority import BACKDATED, Pair

__all__ = ["dns_names", "due", "flaw", "issued_at", "renewal_time"]


def renewal_time(certificate: x509.Certificate) -> datetime:
    """Two thirds into the certificate's life."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_before_utc + life * 2 / 3


def issued_at(certificate: x509.Certificate) -> datetime:
    """When we made it: somewhat after the beginning of its life."""
    return certificate.not_valid_before_utc + BACKDATED


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
        issuer: the CA that must have signed it; None asks whether it is a good CA itself.
        names: DNS names it must serve.
    """
    return _damage(pair) or _unfit(pair, issuer, names) or _untimely(pair.parsed, now)


def _damage(pair: Pair) -> str | None:
    try:
        _ = pair.parsed
    except ValueError:
        return "is not a PEM certificate"
    return None if pair.matches else "does not belong to its key"


def _unfit(pair: Pair, issuer: Pair | None, names: Iterable[str]) -> str | None:
    if issuer is None:
        return None if _may_sign(pair.parsed) else "is no CA"
    if not pair.signed_by(issuer):
        return "is not signed by the current CA"
    missing = sorted(set(names) - set(dns_names(pair)))
    return f"does not name {', '.join(missing)}" if missing else None


def _untimely(certificate: x509.Certificate, now: datetime) -> str | None:
    if now < certificate.not_valid_before_utc:
        return "is not valid yet: a clock was wrong when it was issued, or is now"
    return f"is due: {_left(certificate, now)}" if due(certificate, now) else None


def dns_names(pair: Pair) -> tuple[str, ...]:
    """The DNS names a certificate serves; none when it is garbage."""
    try:
        found = pair.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound):
        return ()
    return tuple(found.value.get_values_for_type(x509.DNSName))


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (ValueError, x509.ExtensionNotFound):
        return False
    return found.value.ca


def _left(certificate: x509.Certificate, now: datetime) -> str:
    left = certificate.not_valid_after_utc - now
    if left <= timedelta(0):
        return "it has expired"
    return f"{left.days} d {left.seconds // 3600} h of its life are left"
