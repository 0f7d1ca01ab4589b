"""Kubeconfig files: written for people and programs, read for a cluster that someone else runs."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import yaml

from mattermost_migrate.domain.errors import ConfigurationError
from mattermost_migrate.kube import connect
from mattermost_migrate.testing.cluster.client import Credentials

__all__ = ["read", "write"]


def write(path: Path, credentials: Credentials, *, user: str, namespace: str = "default") -> Path:
    """Write a kubeconfig that stands alone: every certificate inside, no other file needed."""
    who: dict[str, str] = {}
    if credentials.certificate:
        certificate, key = credentials.certificate
        who["client-certificate-data"] = _encode(certificate)
        who["client-key-data"] = _encode(key)
    if credentials.token:
        who["token"] = credentials.token
    cluster = {"server": credentials.server}
    if credentials.authority:
        cluster["certificate-authority-data"] = _encode(credentials.authority)
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


def read(path: Path) -> Credentials:
    """The credentials of the current context, found as the processes under test find theirs.

    Whatever they understand works here too, exec plugins and all.

    Raises:
        ConfigurationError: it cannot be used, or asks for what no test should do.
    """
    return asyncio.run(_read(path))


async def _read(path: Path) -> Credentials:
    found = await connect({"KUBECONFIG": str(path)})
    settings = found.configuration
    if not settings.verify_ssl:
        raise ConfigurationError(f"{found.source}: insecure-skip-tls-verify: not with us")
    if found.headers:
        raise ConfigurationError(f"{found.source}: as: impersonation is not supported here")
    pair = (Path(settings.cert_file), Path(settings.key_file)) if settings.cert_file else None
    token = (await found.authorization() or "").removeprefix("Bearer ")
    authority = Path(settings.ssl_ca_cert) if settings.ssl_ca_cert else None
    return Credentials(found.server, authority, pair, token or None)


def _encode(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
