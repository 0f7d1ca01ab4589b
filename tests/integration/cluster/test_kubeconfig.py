"""What a kubeconfig says is what we do, or it is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import certs.authority
from mattermost_migrate.domain.errors import ConfigurationError
from mattermost_migrate.testing.cluster import Credentials
from mattermost_migrate.testing.cluster.kubeconfig import read, write


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    file = tmp_path / "ca.crt"
    file.write_bytes(certs.authority.authority(datetime.now(UTC)).certificate)
    return file


def test_what_is_written_is_read_again(tmp_path: Path, authority: Path) -> None:
    given = Credentials("https://127.0.0.1:6443", authority, token="secret")

    seen = read(write(tmp_path / "config", given, user="someone"))

    assert (seen.server, seen.token, seen.certificate) == (given.server, "secret", None)
    assert seen.authority is not None
    assert seen.authority.read_text() == authority.read_text()


@pytest.mark.parametrize(
    ("where", "change", "field"),
    [
        pytest.param(
            ("clusters", "cluster"),
            {"insecure-skip-tls-verify": True},
            "insecure-skip-tls-verify",
            id="no TLS verification",
        ),
        pytest.param(("users", "user"), {"as": "someone-else"}, "as", id="impersonation"),
    ],
)
def test_what_would_prove_less_than_it_seems_is_refused(
    tmp_path: Path, authority: Path, where: tuple[str, str], change: dict[str, Any], field: str
) -> None:
    credentials = Credentials("https://127.0.0.1:6443", authority, token="secret")
    file = write(tmp_path / "config", credentials, user="someone")
    config = yaml.safe_load(file.read_text())
    section, kind = where
    config[section][0][kind].pop("certificate-authority-data", None)
    config[section][0][kind].update(change)
    file.write_text(yaml.safe_dump(config))

    with pytest.raises(ConfigurationError, match=f"{field}:"):
        read(file)
