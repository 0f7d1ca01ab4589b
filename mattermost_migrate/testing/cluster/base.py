"""What any cluster offers a test or the demo, whoever runs it."""

from __future__ import annotations

import dataclasses
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from mattermost_migrate.domain.names import CRD, NAMESPACE, SERVICE_ACCOUNT
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.cluster import kubeconfig
from mattermost_migrate.testing.cluster.client import ApiError, Client, Credentials
from mattermost_migrate.testing.cluster.process import Process, stop_all

__all__ = ["Cluster", "established", "manifests"]

_TOKEN_SECONDS = 3600


def manifests(*paths: Path) -> Iterator[JsonObject]:
    """The objects in YAML files, and in the YAML files of folders and the folders in them."""
    for path in paths:
        for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
            yield from (obj for obj in yaml.safe_load_all(file.read_text()) if obj)


class Cluster:
    """A Kubernetes cluster that we may change at will.

    Attributes:
        kubeconfig: the administrator's.
        folder: a folder for files that belong to the cluster.
        admin: a client with the administrator's rights.
    """

    def __init__(self, kubeconfig: Path, folder: Path, credentials: Credentials) -> None:
        self.kubeconfig = kubeconfig
        self.folder = folder
        self.admin = Client(credentials)
        self._started: list[Process] = []

    @classmethod
    @contextmanager
    def existing(cls, path: Path) -> Iterator[Cluster]:
        """A cluster that someone else runs, by its kubeconfig: used, and left running.

        Raises:
            ConfigurationError: this kubeconfig cannot be used.
        """
        with tempfile.TemporaryDirectory(prefix="mattermost-migrate-") as scratch:
            folder = Path(scratch)
            cluster = cls(path, folder, kubeconfig.read(path))
            try:
                yield cluster
            finally:
                cluster.close()

    def close(self) -> None:
        """End the programs that `run` started and close the connections."""
        stop_all(reversed(self._started))
        self._started.clear()
        self.admin.close()

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self.admin.credentials.server

    def run(self, name: str, command: Sequence[str | Path], **environment: str) -> Process:
        """Start a program that ends with the cluster, such as a process under test.

        Its output goes to ``NAME.log`` in `folder`; ``environment`` is added to ours.
        """
        process = Process(
            name, command, log=self.folder / f"{name}.log", environment=os.environ | environment
        )
        process.start()
        self._started.append(process)
        return process

    def install_crds(self, *paths: Path) -> None:
        """Apply the CustomResourceDefinitions of files or folders and wait until all are served."""
        applied = [self.admin.apply(crd) for crd in manifests(*paths)]
        for crd in applied:
            self.admin.until(CRD, None, crd["metadata"]["name"], established)

    def apply(self, objects: Iterable[JsonObject], *, namespace: str | None = None) -> None:
        """Server-side apply, in the given order."""
        for obj in objects:
            self.admin.apply(obj, namespace=namespace)

    @contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """A new namespace in which pods can be made; deleted afterwards, without waiting."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.admin.create(NAMESPACE, None, {"metadata": {"name": name}})
        try:
            self.admin.until(SERVICE_ACCOUNT, name, "default", bool)
            yield name
        finally:
            self.admin.delete(NAMESPACE, None, name)

    def token(self, namespace: str, name: str, *, seconds: int = _TOKEN_SECONDS) -> str:
        """A bearer token of a ServiceAccount, from the API server (TokenRequest)."""
        path = f"{SERVICE_ACCOUNT.path(namespace, name)}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return str(self.admin.request("POST", path, body)["status"]["token"])

    def service_account(
        self, namespace: str, name: str, *, seconds: int = _TOKEN_SECONDS
    ) -> Credentials:
        """The credentials of a ServiceAccount, which is made if there is none."""
        try:
            self.admin.create(SERVICE_ACCOUNT, namespace, {"metadata": {"name": name}})
        except ApiError as problem:
            if problem.status != requests.codes.conflict:
                raise
        token = self.token(namespace, name, seconds=seconds)
        return dataclasses.replace(self.admin.credentials, certificate=None, token=token)

    def give_every_right(self, namespace: str, name: str) -> None:
        """Let a ServiceAccount do anything."""
        group = "rbac.authorization.k8s.io"
        role = {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"}
        subject = {"kind": "ServiceAccount", "namespace": namespace, "name": name}
        binding = {"apiVersion": f"{group}/v1", "kind": "ClusterRoleBinding"}
        metadata = {"name": f"{namespace}-{name}"}
        self.admin.apply({**binding, "metadata": metadata, "roleRef": role, "subjects": [subject]})

    def service_account_kubeconfig(
        self, namespace: str, name: str, path: Path, *, seconds: int = _TOKEN_SECONDS
    ) -> Path:
        """Write a kubeconfig by which a process acts as a ServiceAccount."""
        credentials = self.service_account(namespace, name, seconds=seconds)
        return kubeconfig.write(path, credentials, user=name, namespace=namespace)


def established(crd: JsonObject) -> bool:
    """Whether the API server serves it."""
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
