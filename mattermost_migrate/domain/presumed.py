"""What an installation refers to, taken for good: for those who may not read Secrets.

Two renderings against the same presumed surroundings can be compared with each other, and with
nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

from mattermost_migrate.domain.inventory import minio_service
from mattermost_migrate.domain.names import (
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
)
from mattermost_migrate.domain.objects import Existing, JsonObject, name_of

__all__ = ["presumed"]

#: Every key that the operator may look for in a Secret.
_KEYS: Final = {
    key: base64.b64encode(text.encode()).decode()
    for key, text in {
        "DB_CONNECTION_STRING": "postgres://db.example.com/mattermost",
        "DB_CONNECTION_CHECK_URL": "postgres://db.example.com/mattermost",
        "accesskey": "presumed",
        "secretkey": "presumed",
        "license": "presumed",
    }.items()
}
_ROLE: Final = {"eks.amazonaws.com/role-arn": "presumed"}
_MINIO_PORT: Final = 9000


def presumed(*mattermosts: JsonObject) -> Existing:
    """Everything that these Mattermosts refer to, each as the operator would have it."""
    return Existing.of(obj for mattermost in mattermosts for obj in _referred(mattermost))


def _referred(mattermost: JsonObject) -> Iterator[dict[str, Any]]:
    spec, name = mattermost.get("spec") or {}, name_of(mattermost)
    database, files = spec.get("database") or {}, spec.get("fileStore") or {}
    for secret in (
        (database.get("external") or {}).get("secret"),
        (files.get("external") or {}).get("secret"),
        spec.get("licenseSecret"),
    ):
        if secret:
            yield {"kind": SECRET.kind, "metadata": {"name": secret}, "data": _KEYS}
    if claim := (files.get("externalVolume") or {}).get("volumeClaimName"):
        yield {
            "kind": PERSISTENT_VOLUME_CLAIM.kind,
            "metadata": {"name": claim},
            "status": {"phase": "Bound"},
        }
    yield {
        "kind": SERVICE_ACCOUNT.kind,
        "metadata": {"name": name, "annotations": _ROLE},
    }
    yield {
        "kind": SERVICE.kind,
        "metadata": {"name": minio_service(name)},
        "spec": {"ports": [{"port": _MINIO_PORT}]},
    }
