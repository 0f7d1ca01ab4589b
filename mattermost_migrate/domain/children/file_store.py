"""The file store's part of the pod (operator facts 0.5, 2.4, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from mattermost_migrate.domain.children.database import CURL_IMAGE, wait_until
from mattermost_migrate.domain.children.env import from_secret, variable
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.result import ChildError
from mattermost_migrate.domain.inventory import minio_service
from mattermost_migrate.domain.names import SERVICE
from mattermost_migrate.domain.objects import Existing

__all__ = [
    "FileStorePart",
    "bucket_env",
    "key_env",
    "minio_address",
    "minio_init",
    "volume_store",
]

_DIRECTORY: Final = "/mattermost/data"
_VOLUME: Final = "mattermost-data"


@dataclass(frozen=True, slots=True)
class FileStorePart:
    """What the file store adds to the pod."""

    env: list[dict[str, Any]]
    init_containers: list[dict[str, Any]] = field(default_factory=list)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    mounts: list[dict[str, Any]] = field(default_factory=list)


def key_env(secret: str) -> list[dict[str, Any]]:
    """The two access keys."""
    return [
        from_secret("MM_FILESETTINGS_AMAZONS3ACCESSKEYID", secret, "accesskey"),
        from_secret("MM_FILESETTINGS_AMAZONS3SECRETACCESSKEY", secret, "secretkey"),
    ]


def bucket_env(bucket: str, endpoint: str, *, ssl: bool) -> list[dict[str, Any]]:
    """Bucket, endpoint, and whether it speaks TLS."""
    return [
        variable("MM_FILESETTINGS_AMAZONS3BUCKET", bucket),
        variable("MM_FILESETTINGS_AMAZONS3ENDPOINT", endpoint),
        variable("MM_FILESETTINGS_AMAZONS3SSL", str(ssl).lower()),
    ]


def minio_address(installation: Installation, existing: Existing) -> str:
    """Host and port of the Service that the MinIO operator makes.

    Raises:
        ChildError: it is not there (yet).
    """
    name = minio_service(installation.name)
    service = existing.get(SERVICE, name)
    if service is None:
        raise ChildError(f'services "{name}" not found')
    ports = service.get("spec", {}).get("ports") or []
    if not ports:
        raise ChildError("panic: runtime error: index out of range [0] with length 0")
    return f"{name}.{installation.namespace}.svc.cluster.local:{ports[0]['port']}"


def minio_init(name: str, address: str, secret: str) -> list[dict[str, Any]]:
    """Makes the bucket, then waits for MinIO to be ready."""
    login = f"http://{address} $(MINIO_ACCESS_KEY) $(MINIO_SECRET_KEY)"
    make = f"mc config host add localminio {login} && mc mb localminio/{name} -q -p"
    creates = {
        "name": "create-minio-bucket",
        "image": "minio/mc:RELEASE.2025-04-16T18-13-26Z",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", make],
        "env": [
            from_secret("MINIO_ACCESS_KEY", secret, "accesskey"),
            from_secret("MINIO_SECRET_KEY", secret, "secretkey"),
        ],
    }
    waits = {
        "name": "init-check-minio",
        "image": CURL_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": wait_until(f"curl --max-time 5 http://{address}/minio/health/ready", "minio"),
    }
    return [creates, waits]


def volume_store(claim: str) -> FileStorePart:
    """Files on a claim, mounted where Mattermost looks for them."""
    return FileStorePart(
        env=[
            variable("MM_FILESETTINGS_DRIVERNAME", "local"),
            variable("MM_FILESETTINGS_DIRECTORY", _DIRECTORY),
        ],
        volumes=[{"name": _VOLUME, "persistentVolumeClaim": {"claimName": claim}}],
        mounts=[{"name": _VOLUME, "mountPath": _DIRECTORY}],
    )
