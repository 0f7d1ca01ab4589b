"""Where certificates are kept: in Secrets, or in a folder where there is no kubelet to mount them.

Both keep one set of files a name and replace it as a whole: a reader never meets the new
certificate beside the old key.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from mattermost_migrate.domain.errors import RejectedError
from mattermost_migrate.domain.names import MANAGED_BY, SECRET
from mattermost_migrate.domain.objects import JsonObject, annotations_of
from mattermost_migrate.kube import Client

__all__ = [
    "CA_NAME",
    "CERTIFICATE",
    "KEY",
    "LEAF_NAME",
    "Files",
    "FolderStore",
    "SecretStore",
    "Store",
]

CA_NAME: Final = "mattermost-migrate-ca"
LEAF_NAME: Final = "mattermost-migrate-webhook-tls"
CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
#: Such annotations are on every Secret that cert-manager keeps.
_CERT_MANAGER: Final = "cert-manager.io/"

Files: TypeAlias = Mapping[str, bytes]


class Store(Protocol):
    """Sets of files by name."""

    async def read(self, name: str) -> Files | None:
        """The files of that name, or None when there are none."""

    async def write(self, name: str, files: Files) -> None:
        """Put these files in the place of those last read under that name.

        Raises:
            StaleError: somebody else wrote in between.
        """


class SecretStore:
    """One Secret a name. Writes carry what was read, so of two writers one is refused."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._seen: dict[str, JsonObject] = {}

    async def read(self, name: str) -> Files | None:
        """The Secret's data, read live."""
        secret = await self._client.find(SECRET, self._namespace, name)
        if secret is None:
            self._seen.pop(name, None)
            return None
        self._seen[name] = secret
        return {key: base64.b64decode(text) for key, text in (secret.get("data") or {}).items()}

    async def write(self, name: str, files: Files) -> None:
        """Create the Secret, or replace its data.

        Raises:
            RejectedError: somebody else keeps it: nothing was written.
        """
        data = {key: base64.b64encode(value).decode("ascii") for key, value in files.items()}
        seen = self._seen.get(name)
        if seen is None:
            self._seen[name] = await self._client.create(SECRET, self._secret(name, data))
        else:
            if any(key.startswith(_CERT_MANAGER) for key in annotations_of(seen)):
                raise RejectedError(
                    f"Secret {self._namespace}/{name} is kept by cert-manager; nothing was "
                    "written: set certificates.provider to cert-manager, or delete its Certificate "
                    "and the Secret"
                )
            self._seen[name] = await self._client.replace(SECRET, {**seen, "data": data})

    def _secret(self, name: str, data: Mapping[str, str]) -> dict[str, Any]:
        return {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "type": "kubernetes.io/tls",
            "metadata": {
                "name": name,
                "namespace": self._namespace,
                "labels": {"app.kubernetes.io/managed-by": MANAGED_BY},
            },
            "data": data,
        }


class FolderStore:
    """One symbolic link a name, to a folder of files; a new set comes in by renaming the link."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, name: str) -> Files | None:
        """The files of the folder."""
        return await asyncio.to_thread(self._read, name)

    async def write(self, name: str, files: Files) -> None:
        """Write a new folder and let the link point to it, in one rename."""
        await asyncio.to_thread(self._write, name, files)

    def _read(self, name: str) -> Files | None:
        folder = self._root / name
        if not folder.is_dir():
            return None
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def _write(self, name: str, files: Files) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        link = self._root / name
        before = link.resolve() if link.is_symlink() else None
        folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self._root))
        for filename, content in files.items():
            path = folder / filename
            path.touch(mode=0o600)
            path.write_bytes(content)
        fresh = folder.with_suffix(".link")
        fresh.symlink_to(folder.name)
        os.replace(fresh, link)  # noqa: PTH105 - the atomic one, by its name
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)
