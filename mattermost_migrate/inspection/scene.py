"""All that was seen of some namespaces, to be looked up by name, owner and label."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INGRESS,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    POD,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    SERVICE_NAME_LABEL,
    V1ALPHA1,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    labels_of,
    name_of,
    namespace_of,
    owners_of,
    uid_of,
)

__all__ = ["KINDS", "Scene", "backup_secret", "database_of", "file_store_of", "needed_secrets"]

#: What has to be listed for an inspection; of Secrets only ``needed_secrets`` are needed.
KINDS: Final = (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    INSTALLATION_MIGRATION,
    DEPLOYMENT,
    REPLICA_SET,
    POD,
    SERVICE,
    ENDPOINT_SLICE,
    INGRESS,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    MYSQL_CLUSTER,
    MINIO_INSTANCE,
)


def backup_secret(installation: str) -> str:
    """The Secret that holds the originals."""
    return f"{installation}-migration-backup"


def database_of(installation: str) -> str:
    """The MysqlCluster of an installation: the operator names it by a digest."""
    return f"db-{hashlib.md5(installation.encode(), usedforsecurity=False).hexdigest()[:6]}"


def file_store_of(installation: str) -> str:
    """The MinIOInstance of an installation, and the Secret the operator generates for it."""
    return f"{installation}-minio"


def needed_secrets(installation: str) -> tuple[str, ...]:
    """The Secrets that an inspection asks for: the backup, and those an operator generates."""
    return (
        backup_secret(installation),
        file_store_of(installation),
        f"{installation}-mysql-root-password",
    )


class Scene:
    """Objects by kind and name, by owner, and by installation.

    Args:
        objects: as the API server shows them, each with its ``apiVersion`` and ``kind``.
    """

    def __init__(self, objects: Iterable[JsonObject]) -> None:
        self._by_name: dict[tuple[str, str, str], JsonObject] = {}
        self._by_uid: dict[str, JsonObject] = {}
        self._by_owner: dict[str, list[JsonObject]] = defaultdict(list)
        self._by_label: dict[tuple[str, str, str], dict[str, JsonObject]] = defaultdict(dict)
        self._slices: dict[tuple[str, str], list[JsonObject]] = defaultdict(list)
        for obj in objects:
            self._take(obj)

    def _take(self, obj: JsonObject) -> None:
        kind, namespace = str(obj["kind"]), namespace_of(obj)
        self._by_name[kind, namespace, name_of(obj)] = obj
        self._by_uid[uid_of(obj)] = obj
        for owner in owners_of(obj):
            self._by_owner[owner["uid"]].append(obj)
        labels = labels_of(obj)
        if kind == ENDPOINT_SLICE.kind:
            self._slices[namespace, labels.get(SERVICE_NAME_LABEL, "")].append(obj)
        for key in (V1ALPHA1.installation, V1BETA1.installation):
            if installation := labels.get(key):
                self._by_label[kind, namespace, installation][uid_of(obj)] = obj

    def get(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """The object of that name, or None."""
        return self._by_name.get((resource.kind, namespace, name))

    def all(self, resource: Resource) -> Iterator[JsonObject]:
        """Every object of a kind."""
        return (obj for (kind, _, _), obj in self._by_name.items() if kind == resource.kind)

    def labelled(self, resource: Resource, namespace: str, installation: str) -> list[JsonObject]:
        """Those whose labels, of either vocabulary, name the installation."""
        return list(self._by_label.get((resource.kind, namespace, installation), {}).values())

    def owned_by(self, owner: JsonObject) -> list[JsonObject]:
        """Those that name the object as an owner."""
        return list(self._by_owner.get(uid_of(owner), ()))

    def controlled_by(self, owner: JsonObject, resource: Resource) -> list[JsonObject]:
        """Those of a kind that name the object as their controller."""
        return [
            obj
            for obj in self.owned_by(owner)
            if obj["kind"] == resource.kind
            and any(ref["uid"] == uid_of(owner) and ref.get("controller") for ref in owners_of(obj))
        ]

    def slices_of(self, service: JsonObject) -> list[JsonObject]:
        """The EndpointSlices of a Service."""
        return self._slices.get((namespace_of(service), name_of(service)), [])

    def exists(self, uid: str) -> bool:
        """Whether an object with that UID was seen."""
        return uid in self._by_uid

    def would_show(self, kind: str) -> bool:
        """Whether an object of that kind, if there were one, would have been seen."""
        return any(kind == resource.kind for resource in KINDS)
