"""An installation in the middle of its migration, and how to write to it without an effect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    V1ALPHA1,
    Resource,
)
from mattermost_migrate.testing.cluster import APPLY, MERGE, ApiError, Client

OLD_SPEC: Final = {"ingressName": "chat.example.com", "resources": {"limits": {"cpu": "2"}}}
NEW_SPEC: Final = {
    "ingress": {"enabled": True, "host": "chat.example.com"},
    "scheduling": {"resources": {"limits": {"cpu": "2"}}},
}
#: How the API server says who refused.
SAYS: Final = {"webhook": "admission webhook", "policy": "ValidatingAdmissionPolicy"}
#: One that nobody has: what is tried is not stored.
OWNER: Final = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "name": "owner",
    "uid": "cb2ee0a5-5f1c-4a1c-8c5e-4bb7b6d1a0b9",
}


@dataclass(frozen=True, slots=True)
class Locked:
    """An installation called chat, alone in its namespace."""

    admin: Client
    controller: Client
    namespace: str

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = MERGE,
        manager: str = "gitops",
    ) -> dict[str, Any]:
        """A dry run: admission judges it like the real thing, and nothing is stored."""
        params = {"dryRun": "All", "fieldManager": manager}
        if content_type == APPLY:
            params["force"] = "true"
        return self.admin.request(method, path, body, params=params, content_type=content_type)

    def patch(self, resource: Resource, patch: object, name: str = "chat") -> object:
        return self.send("PATCH", resource.path(self.namespace, name), patch)

    def apply(self, resource: Resource, spec: object, manager: str = "gitops") -> object:
        """What a GitOps tool sends again and again, by force."""
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": "chat", "labels": {"synced": "again"}},
            "spec": spec,
        }
        path = resource.path(self.namespace, "chat")
        return self.send("PATCH", path, body, content_type=APPLY, manager=manager)

    def replace(self, resource: Resource) -> object:
        """By what is there."""
        path = resource.path(self.namespace, "chat")
        return self.send("PUT", path, self.get(resource), content_type="application/json")

    def status(self, resource: Resource, name: str = "chat") -> object:
        """A change of the status by its subresource."""
        path = f"{resource.path(self.namespace, name)}/status"
        status = {"state": "reconciling"} if resource in (CLUSTER_INSTALLATION, MATTERMOST) else {}
        patch = {"status": status, "metadata": {"annotations": {"a": "b"}}}
        return self.send("PATCH", path, patch)

    def scale(self, resource: Resource, name: str = "chat") -> object:
        path = f"{resource.path(self.namespace, name)}/scale"
        return self.send("PATCH", path, {"spec": {"replicas": 1}})

    def delete(self, resource: Resource, name: str = "chat") -> object:
        return self.send("DELETE", resource.path(self.namespace, name))

    def delete_all(self, resource: Resource, name: str = "chat") -> object:
        """In one request that names none, as client libraries can; what is of this name alone."""
        params = {"dryRun": "All", "fieldSelector": f"metadata.name={name}"}
        return self.admin.request("DELETE", resource.path(self.namespace), params=params)

    def create(self, resource: Resource, body: dict[str, Any]) -> object:
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        path = resource.path(self.namespace)
        return self.send("POST", path, whole, content_type="application/json")

    def get(self, resource: Resource, name: str = "chat") -> dict[str, Any]:
        return self.admin.get(resource, self.namespace, name)


def migration(kind: str, *, name: str = "chat", lock: str | None = "frozen") -> dict[str, Any]:
    labels = {"migration.mattermost.com/fleet": "nightly"}
    if lock is not None:
        labels[LOCK_LABEL] = lock
    return {"metadata": {"name": name, "labels": labels}, "spec": {"desiredKind": kind}}


def edit() -> dict[str, Any]:
    """Another one each time."""
    return {"spec": {"version": f"10.{time.monotonic_ns() % 1000}.0"}}


def deployment() -> dict[str, Any]:
    labels = V1ALPHA1.selector("chat")
    container = {"name": "mattermost", "image": "mattermost:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "chat", "labels": labels}, "spec": spec}


def installation() -> Iterator[tuple[Resource, dict[str, Any]]]:
    """A ClusterInstallation, its children, and a Secret that has nothing to do with it."""
    whole = deployment()
    metadata, template = whole["metadata"], whole["spec"]["template"]
    labels = metadata["labels"]
    yield CLUSTER_INSTALLATION, {"metadata": {"name": "chat"}, "spec": OLD_SPEC}
    yield REPLICA_SET, {**whole, "metadata": {"name": "chat-1", "labels": labels}}
    yield DEPLOYMENT, whole
    yield SERVICE, {"metadata": metadata, "spec": {"selector": labels, "ports": [{"port": 8065}]}}
    backend = {"service": {"name": "chat", "port": {"number": 8065}}}
    yield INGRESS, {"metadata": metadata, "spec": {"defaultBackend": backend}}
    backup = {"migration.mattermost.com/backup": "chat"}
    yield SECRET, {"metadata": {"name": "chat-migration-backup", "labels": backup}}
    yield SECRET, {"metadata": {"name": "chat-mysql-root-password"}}
    yield SECRET, {"metadata": {"name": "labelled", "labels": labels}}
    # Not by all labels of the ReplicaSet, which would end it: it wants none.
    pod = {"name": "chat-1-abcde", "labels": V1ALPHA1.of("chat")}
    yield POD, {"metadata": pod, "spec": template["spec"]}
    yield SECRET, {"metadata": {"name": "unrelated"}}
    yield SERVICE_ACCOUNT, {"metadata": {"name": "chat"}}


def until_refused(write: Callable[[], object], *, by: str, seconds: float = 60.0) -> str:
    """Webhook and policy know of a migration a moment after it is there; what is said then."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            write()
        except ApiError as error:
            if SAYS[by] in str(error):
                return str(error)
        time.sleep(0.1)
    pytest.fail(f"still not refused after {seconds} s")
