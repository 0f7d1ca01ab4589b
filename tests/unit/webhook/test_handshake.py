"""The handshake with ourselves, which is to trust what the API server trusts."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from webhook.health import Handshake, Target

NAME = "webhook.chat.svc"


@pytest.fixture
def plain_pair(tmp_path: Path) -> Path:
    """As openssl makes them without being told more: no key usage, no key identifiers."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", NAME)}
    for name, key in keys.items():
        extension: x509.ExtensionType = x509.SubjectAlternativeName([x509.DNSName(NAME)])
        if name == "ca":
            extension = x509.BasicConstraints(ca=True, path_length=None)
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=name == "ca")
            .sign(keys["ca"], SHA256())
        )
        (tmp_path / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
        encoding = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.key").write_bytes(key.private_bytes(*encoding))
    return tmp_path


@pytest.fixture
def port(plain_pair: Path) -> Iterator[int]:
    """Where somebody shakes hands with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plain_pair / f"{NAME}.crt", plain_pair / f"{NAME}.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError), context.wrap_socket(listening.accept()[0], server_side=True):
                pass

        serving = threading.Thread(target=serve)
        serving.start()
        yield listening.getsockname()[1]
        serving.join()


def test_what_go_accepts_is_accepted(
    plain_pair: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ssl.create_default_context

    def strict(cafile: str) -> ssl.SSLContext:  # as in Python 3.13
        context = usual(cafile=cafile)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)

    assert Handshake(Target("127.0.0.1", port, NAME, plain_pair / "ca.crt"))() is None
