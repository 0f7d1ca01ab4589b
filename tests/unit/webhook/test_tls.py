from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from certs.authority import authority, leaf
from webhook.server import bounded_context
from webhook.tls import Contexts


@pytest.fixture
def client_authority(tmp_path: Path) -> Path:
    file = tmp_path / "clients.crt"
    file.write_bytes(authority(datetime.now(UTC)).certificate)
    return file


@pytest.fixture
def contexts(tmp_path: Path, client_authority: Path) -> Contexts:
    now = datetime.now(UTC)
    served = leaf(authority(now), ["localhost"], now)
    (tmp_path / "tls.crt").write_bytes(served.certificate)
    (tmp_path / "tls.key").write_bytes(served.key)
    return Contexts(
        tmp_path,
        minimum=ssl.TLSVersion.TLSv1_3,
        factory=partial(bounded_context, client_authority),
        client_authority=client_authority,
    )


def test_clients_are_verified_by_the_ca_that_is_in_the_file_now(
    contexts: Contexts, client_authority: Path
) -> None:
    (before,) = contexts.current().get_ca_certs(binary_form=True)
    fresh = authority(datetime.now(UTC)).certificate
    client_authority.write_bytes(fresh)

    (after,) = contexts.current().get_ca_certs(binary_form=True)

    assert before != after == ssl.PEM_cert_to_DER_cert(fresh.decode())


def test_garbage_in_the_place_of_the_clients_ca_keeps_the_last_good_one(
    contexts: Contexts, client_authority: Path
) -> None:
    good = contexts.current()
    client_authority.write_text("half a certif")

    assert contexts.current() is good


def test_nothing_is_read_again_while_the_files_stay(contexts: Contexts) -> None:
    assert contexts.current() is contexts.current()
