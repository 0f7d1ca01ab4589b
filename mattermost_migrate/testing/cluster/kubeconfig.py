"""Kubeconfig files: written for people and programs, read for a cluster that someone else runs."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mattermost_migrate.testing.cluster.client import Credentials

__all__ = ["KubeconfigError", "read", "write"]


class KubeconfigError(Exception):
    """A kubeconfig that cannot be used; the message says what is missing."""


def write(path: Path, credentials: Credentials, *, user: str, namespace: str = "default") -> Path:
    """Write a kubeconfig that stands alone: every certificate inside, no other file needed."""
    who: dict[str, str] = {}
    if credentials.certificate:
        certificate, key = credentials.certificate
        who["client-certificate-data"] = _encode(certificate)
        who["client-key-data"] = _encode(key)
    if credentials.token:
        who["token"] = credentials.token
    authority = _encode(credentials.authority)
    cluster = {"server": credentials.server, "certificate-authority-data": authority}
    context = {"cluster": "local", "user": user, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": user, "user": who}],
        "contexts": [{"name": "local", "context": context}],
        "current-context": "local",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def read(path: Path, folder: Path) -> Credentials:
    """Take the current context's credentials; what it holds inline is put into ``folder``.

    Raises:
        KubeconfigError: there is no current context, or it authenticates in a way that this
            small client does not speak (only client certificates and bearer tokens).
    """
    config = yaml.safe_load(path.read_text()) or {}
    context = _named(config, "contexts", config.get("current-context")).get("context") or {}
    cluster = _named(config, "clusters", context.get("cluster")).get("cluster") or {}
    user = _named(config, "users", context.get("user")).get("user") or {}
    authority = _file(cluster, "certificate-authority", path, folder)
    if authority is None:
        raise KubeconfigError(f"{path}: the cluster names no certificate-authority")
    certificate = _file(user, "client-certificate", path, folder)
    key = _file(user, "client-key", path, folder)
    token = _token(user, path)
    if not token and not (certificate and key):
        raise KubeconfigError(f"{path}: the user has neither a client certificate nor a token")
    pair = (certificate, key) if certificate and key else None
    return Credentials(cluster["server"].rstrip("/"), authority, pair, token)


def _named(config: Mapping[str, Any], kind: str, name: str | None) -> Mapping[str, Any]:
    found = [entry for entry in config.get(kind) or () if entry["name"] == name]
    if not found:
        raise KubeconfigError(f"the kubeconfig has no {name!r} among its {kind}")
    entry: Mapping[str, Any] = found[0]
    return entry


def _file(entry: Mapping[str, Any], field: str, path: Path, folder: Path) -> Path | None:
    if data := entry.get(f"{field}-data"):
        written = folder / field
        written.touch(mode=0o600)
        written.write_bytes(base64.b64decode(data))
        return written
    return path.parent / entry[field] if entry.get(field) else None


def _token(user: Mapping[str, Any], path: Path) -> str | None:
    if user.get("tokenFile"):
        return Path(path.parent, user["tokenFile"]).read_text().strip()
    return str(user["token"]) if user.get("token") else None


def _encode(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
