"""A mounted Secret where no kubelet runs: a folder that follows it."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import requests

from mattermost_migrate.domain.names import SECRET
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.cluster import ApiError, Client
from mattermost_migrate.testing.cluster.client import Credentials

__all__ = ["SecretVolume", "mount"]

_WATCH_SECONDS = 30.0
_TORN_SECONDS = 0.1


class SecretVolume:
    """Keeps ``folder`` as a kubelet keeps a volume: swapped as a whole, kept when the Secret goes.

    A context manager; a thread of its own watches the Secret.

    Args:
        credentials: of who may read the Secret.
        namespace: of the Secret.
        name: of the Secret.
        folder: where it is mounted.
        lag: seconds from a change of the Secret to the change of the folder.
        torn: write file after file in place, as no kubelet does.
    """

    def __init__(
        self,
        credentials: Credentials,
        namespace: str,
        name: str,
        folder: Path,
        *,
        lag: float = 0.0,
        torn: bool = False,
    ) -> None:
        self._client = Client(credentials)
        self._place = (namespace, name)
        self._folder = folder
        self._lag = lag
        self._torn = torn
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"volume {folder}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._client.close()

    def _follow(self) -> None:
        namespace, name = self._place
        while not self._ended.is_set():
            try:
                for kind, secret in self._client.watch(
                    SECRET, namespace, name=name, seconds=_WATCH_SECONDS
                ):
                    if kind != "DELETED" and not self._ended.wait(self._lag):
                        tear(secret, self._folder) if self._torn else mount(secret, self._folder)
            except (ApiError, requests.RequestException, AttributeError, ValueError):
                self._ended.wait(0.2)  # the API server is away, or the client is being closed


def mount(secret: JsonObject, link: Path) -> None:
    """Put a Secret's data into a new folder and let ``link`` point to it, in one rename."""
    link.parent.mkdir(parents=True, exist_ok=True)
    before = link.resolve() if link.is_symlink() else None
    fresh = Path(tempfile.mkdtemp(prefix=f".{link.name}-", dir=link.parent))
    for filename, text in (secret.get("data") or {}).items():
        (fresh / filename).write_bytes(base64.b64decode(text))
    swap = fresh.with_suffix(".link")
    swap.symlink_to(fresh.name)
    os.replace(swap, link)  # noqa: PTH105 - the atomic one, by its name
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)


def tear(secret: JsonObject, folder: Path) -> None:
    """Overwrite the files of a Secret one by one, with time in between."""
    for filename, text in (secret.get("data") or {}).items():
        (folder / filename).write_bytes(base64.b64decode(text))
        time.sleep(_TORN_SECONDS)
