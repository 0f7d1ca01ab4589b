"""What each kind of installation refers to, and so must be read before it is rendered or converted.

The operator reads exactly these; a conversion reads them too, and what will be saved or deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from mattermost_migrate.domain.inventory import (
    job_server,
    minio_secret,
    minio_service,
    mysql_secret,
)
from mattermost_migrate.domain.named_secrets import Use, needed
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    INGRESS_CLASS,
    MATTERMOST,
    PERSISTENT_VOLUME_CLAIM,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = ["Reference", "of_cluster_installation", "of_conversion", "of_mattermost"]

#: A resource and a name in the installation's namespace.
Reference: TypeAlias = tuple[Resource, str]


def of_cluster_installation(ci: JsonObject) -> Iterator[Reference]:
    """Secrets and the MinIO Service (operator facts 2.1, steps 8 to 10)."""
    name, spec = name_of(ci), ci.get("spec") or {}
    generated = {Use.DATABASE: mysql_secret(name), Use.FILES: minio_secret(name)}
    yield from _secrets(CLUSTER_INSTALLATION.kind, ci, generated)
    if not (spec.get("minio") or {}).get("externalURL"):
        yield SERVICE, minio_service(name)


def of_conversion(ci: JsonObject) -> Iterator[Reference]:
    """What a conversion of this ClusterInstallation reads besides the object itself.

    Beside what the operator reads: the Service and Ingress, which are saved; and what the v1beta1
    operator deletes by its name alone (operator facts 3.4, 3.5).
    """
    name = name_of(ci)
    yield from of_cluster_installation(ci)
    yield from ((kind, name) for kind in (SERVICE, INGRESS, INGRESS_CLASS))
    for kind in (DEPLOYMENT, CLUSTER_INSTALLATION, MATTERMOST):
        yield kind, job_server(name)


def of_mattermost(mm: JsonObject) -> Iterator[Reference]:
    """Secrets, claims, the ServiceAccount and the MinIO Service (operator facts 3.1, 3.3)."""
    name, spec = name_of(mm), mm.get("spec") or {}
    yield from _secrets(MATTERMOST.kind, mm, {Use.DATABASE: mysql_secret(name)})
    yield from _files(name, spec.get("fileStore") or {})


def _secrets(
    kind: str, installation: JsonObject, generated: Mapping[Use, str]
) -> Iterator[Reference]:
    """Those that are named, and where none is, what the operator generates."""
    named = {use: secret.name for use, secret in needed(kind, installation).items()}
    yield from ((SECRET, name) for name in dict.fromkeys({**generated, **named}.values()))


def _files(name: str, section: JsonObject) -> Iterator[Reference]:
    external, volume, local = (
        section.get(key) or {} for key in ("external", "externalVolume", "local")
    )
    if external.get("url"):
        if external.get("useServiceAccount"):
            yield SERVICE_ACCOUNT, name
    elif volume.get("volumeClaimName"):
        yield PERSISTENT_VOLUME_CLAIM, volume["volumeClaimName"]
    elif local.get("enabled"):
        yield PERSISTENT_VOLUME_CLAIM, name
    else:
        yield SECRET, minio_secret(name)
        yield SERVICE, minio_service(name)
