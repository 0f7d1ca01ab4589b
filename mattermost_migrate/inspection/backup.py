"""The backup: there while it may be needed, whole, and the one that the migration reports."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    MIGRATION_ANNOTATION,
    OWN_GROUP,
    SECRET,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, uid_of
from mattermost_migrate.inspection.scene import backup_secret
from mattermost_migrate.inspection.subject import Subject, spec_of
from mattermost_migrate.inspection.verdict import Finding, Flaw

__all__ = ["check"]

_DIGEST: Final = f"{OWN_GROUP}/digest"


def check(subject: Subject) -> Iterator[Finding]:
    """What would be needed to go back, and to see what was."""
    secret = subject.scene.get(SECRET, subject.namespace, backup_secret(subject.name))
    if secret is None:
        if _needed(subject):
            yield _missing(subject)
        return
    yield from _intact(subject, secret)


def _needed(subject: Subject) -> bool:
    """A migration made what is there now, or is about to, and has not been made final."""
    migration = subject.migration
    if migration is None or spec_of(migration).get("finalize"):
        return False
    if (migration.get("status") or {}).get("finalizedTime"):
        return False
    if subject.under_way:
        deployment = subject.deployment
        going = deployment is None or bool(deployment["metadata"].get("deletionTimestamp"))
        return going or len(subject.owners) > 1
    owner = subject.owner
    made = owner is not None and annotations_of(owner).get(MIGRATION_ANNOTATION)
    return made == uid_of(migration)


def _missing(subject: Subject) -> Finding:
    name = backup_secret(subject.name)
    return Finding(
        SECRET.kind,
        subject.namespace,
        name,
        Flaw.BACKUP_MISSING,
        "the originals are not saved, so there is no way back to the ClusterInstallation as it was",
        f"kubectl -n {subject.namespace} get secret {name}",
    )


def _intact(subject: Subject, secret: JsonObject) -> Iterator[Finding]:
    try:
        objects = _read(secret)
    except ValueError as error:
        yield Finding.of(secret, Flaw.BACKUP_CHANGED, f"it cannot be read: {error}", _shown(secret))
        return
    digest = _digest(objects)
    if digest != annotations_of(secret).get(_DIGEST):
        yield Finding.of(
            secret,
            Flaw.BACKUP_CHANGED,
            f"its content has digest {digest}, and its annotation {_DIGEST} says "
            f"{annotations_of(secret).get(_DIGEST)}: somebody edited it",
            _shown(secret),
        )
    owner = subject.owner
    back = CLUSTER_INSTALLATION.kind.lower()
    if owner is not None and owner["kind"] == MATTERMOST.kind and _needed(subject):
        if back not in objects:
            yield Finding.of(
                secret, Flaw.BACKUP_CHANGED, "it holds no ClusterInstallation", _shown(secret)
            )
        yield from _reported(subject, secret, digest)


def _reported(subject: Subject, secret: JsonObject, digest: str) -> Iterator[Finding]:
    if subject.under_way or subject.migration is None:
        return  # told at the end
    told = ((subject.migration.get("status") or {}).get("backup") or {}).get("digest")
    if told and told != digest:
        yield Finding.of(
            secret,
            Flaw.BACKUP_CHANGED,
            f"its content has digest {digest}, and the InstallationMigration reports {told}",
            _shown(secret),
        )


def _read(secret: JsonObject) -> dict[str, Any]:
    """The originals by role; ValueError when they are none."""
    return {
        key.removesuffix(".json"): json.loads(base64.b64decode(text, validate=True))
        for key, text in (secret.get("data") or {}).items()
    }


def _digest(objects: dict[str, Any]) -> str:
    text = json.dumps(objects, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _shown(secret: JsonObject) -> str:
    """Its metadata only: what it holds may be secret."""
    metadata = secret["metadata"]
    return f"kubectl -n {metadata['namespace']} describe secret {metadata['name']}"
