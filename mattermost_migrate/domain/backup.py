"""The originals, written down before anything is deleted, in a Secret that no one owns.

A ClusterInstallation may hold a password in its spec, hence a Secret. It also holds the Mattermost
that was validated, so that what is created in the end is what was checked in the beginning, and
resuming needs no other Secret (ADR 3).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mattermost_migrate.domain.errors import InvariantError
from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    MANAGED_BY,
    OWN_GROUP,
    RUN_ANNOTATION,
    SECRET,
)
from mattermost_migrate.domain.objects import JsonObject, uid_of

__all__ = ["DIGEST", "Backup", "backup_name", "content", "manifest", "same_content"]

#: On the Secret: the digest of what is in it.
DIGEST: Final = f"{OWN_GROUP}/digest"
_SERVER_OWNED: Final = ("managedFields", "selfLink")
_VOLATILE: Final = ("resourceVersion", "generation", *_SERVER_OWNED)


def backup_name(installation: str) -> str:
    """The Secret's name for an installation of that name."""
    return f"{installation}-migration-backup"


def content(obj: JsonObject) -> dict[str, Any]:
    """What counts of an object: all but its status and what the server keeps for itself."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _VOLATILE}
    body = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return {**body, "metadata": metadata}


def same_content(one: JsonObject, another: JsonObject) -> bool:
    """Whether two looks at an object differ in nothing that counts."""
    return content(one) == content(another)


@dataclass(frozen=True, slots=True)
class Backup:
    """The originals of one installation.

    Attributes:
        objects: manifests by role (``originals``): ``clusterinstallation``, ``mattermost``,
            ``deployment.mattermost``, ``planned.mattermost``, ``service``, and so on.
        resource_version: of the Secret; empty before it is written.
        digest: over the objects; the InstallationMigration repeats it in its status.
        run: in which run it was written: as ``RUN_ANNOTATION`` says of it.
    """

    objects: Mapping[str, JsonObject]
    resource_version: str = ""
    digest: str = field(default="")
    run: str = ""

    @classmethod
    def of(cls, objects: Mapping[str, JsonObject | None]) -> Backup:
        """Make one from live objects; roles without an object are left out."""
        kept = {
            role: {
                **obj,
                "metadata": {
                    key: value for key, value in obj["metadata"].items() if key not in _SERVER_OWNED
                },
            }
            for role, obj in objects.items()
            if obj is not None
        }
        return cls(kept, digest=_digest(kept))

    @classmethod
    def read(cls, secret: JsonObject) -> Backup:
        """Read it back from its Secret.

        Raises:
            InvariantError: the Secret is not what was written: a wrong digest, or no JSON.
        """
        where = f"{secret['metadata'].get('namespace')}/{secret['metadata']['name']}"
        try:
            objects = {
                role.removesuffix(".json"): json.loads(base64.b64decode(text))
                for role, text in (secret.get("data") or {}).items()
            }
        except ValueError as error:
            raise InvariantError(f"cannot read backup Secret {where}: {error}") from error
        digest = _digest(objects)
        marks = secret["metadata"].get("annotations") or {}
        recorded = marks.get(DIGEST)
        if digest != recorded:
            raise InvariantError(
                f"backup Secret {where} was changed: its content has digest {digest}, "
                f"its annotation {DIGEST} says {recorded}"
            )
        version = str(secret["metadata"].get("resourceVersion", ""))
        return cls(objects, version, digest, str(marks.get(RUN_ANNOTATION, "")))

    def get(self, role: str) -> JsonObject | None:
        """The original in that role, if there was one."""
        return self.objects.get(role)

    def uids(self, roles: Iterable[str]) -> frozenset[str]:
        """UIDs of the originals in those roles."""
        return frozenset(uid_of(self.objects[role]) for role in roles if role in self.objects)


def manifest(namespace: str, installation: str, backup: Backup) -> dict[str, Any]:
    """The Secret to write; it carries the resourceVersion of the one it replaces, if any."""
    marks = {RUN_ANNOTATION: backup.run} if backup.run else {}
    metadata: dict[str, Any] = {
        "name": backup_name(installation),
        "namespace": namespace,
        "labels": {BACKUP_LABEL: installation, "app.kubernetes.io/managed-by": MANAGED_BY},
        "annotations": {DIGEST: backup.digest, **marks},
    }
    if backup.resource_version:
        metadata["resourceVersion"] = backup.resource_version
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": metadata,
        "type": "Opaque",
        "data": {
            f"{role}.json": base64.b64encode(_json(obj).encode()).decode()
            for role, obj in backup.objects.items()
        },
    }


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(objects: Mapping[str, JsonObject]) -> str:
    return "sha256:" + hashlib.sha256(_json(objects).encode()).hexdigest()
