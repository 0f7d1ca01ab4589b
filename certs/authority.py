"""Issuing: a private CA and the serving certificate of a Service, both ECDSA P-256.

Given the time and a source of keys, the same certificates come out every time; nothing here reads
a clock or a disk. Lifetimes and the back-dating of ``notBefore`` are from webhook facts 4.5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "AUTHORITY_LIFE",
    "BACKDATED",
    "LEAF_LIFE",
    "KeySource",
    "Pair",
    "authority",
    "certificates_in",
    "expired",
    "fresh_key",
    "leaf",
    "service_names",
    "signed",
]

AUTHORITY_LIFE: Final = timedelta(days=365)
LEAF_LIFE: Final = timedelta(days=7)
#: Clocks of API servers differ from ours; a certificate "from the future" is refused.
BACKDATED: Final = timedelta(minutes=5)

KeySource: TypeAlias = Callable[[], ec.EllipticCurvePrivateKey]
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate; ValueError when the PEM holds none."""
        return x509.load_pem_x509_certificate(self.certificate)

    @property
    def matches(self) -> bool:
        """Whether certificate and key belong together."""
        try:
            return _spki(self.parsed.public_key()) == _spki(_private(self.key).public_key())
        except (ValueError, TypeError):
            return False

    def signed_by(self, issuer: Pair) -> bool:
        """Whether ``issuer`` has signed this certificate."""
        return signed(self.certificate, issuer.certificate)


def signed(certificate: bytes, by: bytes) -> bool:
    """Whether the CA ``by`` has signed ``certificate``, both PEM; garbage has signed nothing."""
    try:
        issuer = x509.load_pem_x509_certificate(by)
        x509.load_pem_x509_certificate(certificate).verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - InvalidSignature, ValueError, TypeError: all mean no
        return False
    return True


def certificates_in(pem: bytes) -> tuple[bytes, ...]:
    """Every certificate in a PEM file, each once and in one spelling; garbage is passed over."""
    found: dict[bytes, None] = {}
    for block in _BLOCK.findall(pem):
        try:
            parsed = x509.load_pem_x509_certificate(block)
        except ValueError:
            continue
        found[parsed.public_bytes(Encoding.PEM)] = None
    return tuple(found)


def expired(certificate: bytes, now: datetime) -> bool:
    """Whether a PEM certificate has ended."""
    return now >= x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def fresh_key() -> ec.EllipticCurvePrivateKey:
    """A new random P-256 key: the default source of keys."""
    return ec.generate_private_key(ec.SECP256R1())


def service_names(service: str, namespace: str) -> tuple[str, ...]:
    """What an API server may call a Service: it dials ``<service>.<namespace>.svc``."""
    short = f"{service}.{namespace}.svc"
    return (short, f"{short}.cluster.local")


def authority(now: datetime, *, keys: KeySource = fresh_key) -> Pair:
    """A self-signed CA that is good for ``AUTHORITY_LIFE``."""
    key = keys()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mattermost-migrate CA")])
    usage = _key_usage(key_cert_sign=True, crl_sign=True)
    builder = (
        _builder(subject, key, now, life=AUTHORITY_LIFE)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def leaf(issuer: Pair, names: Iterable[str], now: datetime, *, keys: KeySource = fresh_key) -> Pair:
    """A serving certificate for these DNS names, good for ``LEAF_LIFE`` or as long as its CA.

    Raises:
        ValueError: no name is given, or ``issuer`` is no pair.
    """
    dns = tuple(names)
    if not dns:
        raise ValueError("a serving certificate needs at least one DNS name")
    key, signer = keys(), _private(issuer.key)
    ends = min(now + LEAF_LIFE, issuer.parsed.not_valid_after_utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns[0][:64])])
    own = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    builder = (
        _builder(subject, key, now, life=ends - now)
        .issuer_name(issuer.parsed.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in dns]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False
        )
    )
    return _pair(builder.sign(signer, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, *, life: timedelta
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(_serial(public, now))
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _serial(public: ec.EllipticCurvePublicKey, now: datetime) -> int:
    """Unique because the key is: 152 bits, so below RFC 5280's limit of 20 octets."""
    digest = hashlib.sha256(_spki(public) + now.isoformat().encode()).digest()
    return int.from_bytes(digest[:19], "big") or 1


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the private key is no elliptic curve key")
    return key


def _spki(public: object) -> bytes:
    encode = getattr(public, "public_bytes")  # noqa: B009 - every public key type has it
    der: bytes = encode(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
