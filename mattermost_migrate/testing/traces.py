"""What a migration there and back leaves behind: every object of a namespace, before and after.

Compared is everything an object holds but what no API gives back: UIDs, resourceVersions, times,
generations and who wrote which field. Events, our own InstallationMigrations and their backups are
no part of an installation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.last_applied import decode
from mattermost_migrate.domain.names import (
    BACKUP_LABEL,
    CLUSTER_INSTALLATION,
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INGRESS,
    INGRESS_CLASS,
    JOB,
    LAST_APPLIED,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
)
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of
from mattermost_migrate.testing.cluster import Client

__all__ = ["differences", "traces"]

_KINDS: Final = (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    DEPLOYMENT,
    REPLICA_SET,
    POD,
    SERVICE,
    ENDPOINT_SLICE,
    INGRESS,
    INGRESS_CLASS,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    SECRET,
    CONFIG_MAP,
    PERSISTENT_VOLUME_CLAIM,
    JOB,
    POD_DISRUPTION_BUDGET,
    MYSQL_CLUSTER,
    MINIO_INSTANCE,
)
_VOLATILE: Final = frozenset(
    {"uid", "resourceVersion", "generation", "observedGeneration", "managedFields"}
    | {"creationTimestamp", "lastTransitionTime", "lastUpdateTime", "lastProbeTime"}
    | {"endpoints.kubernetes.io/last-change-trigger-time"}
)


def traces(client: Client, namespace: str) -> dict[str, JsonObject]:
    """Every object of a namespace, as ``kind/name``, without what differs by nature."""
    return {
        f"{resource}/{name_of(each)}": _lasting(each)
        for resource in _KINDS
        for each in client.list(resource, namespace if resource.namespaced else None)
        if BACKUP_LABEL not in labels_of(each)
    }


def differences(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """Each place in which two looks differ, in words."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            here = f"{where}.{key}" if where else str(key)
            if key not in before:
                yield f"{here} is new: {after[key]}"
            elif key not in after:
                yield f"{here} is gone; it was {before[key]}"
            else:
                yield from differences(before[key], after[key], here)
    elif before != after:
        yield f"{where} was {before} and is {after}"


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        lasting = {
            # Compressed, and it names the owner by its UID.
            key: _lasting(decode(item) if key == LAST_APPLIED else item)
            for key, item in value.items()
            if key not in _VOLATILE
        }
        # Annotations of which none is left are as good as none.
        return {key: item for key, item in lasting.items() if (key, item) != ("annotations", {})}
    if isinstance(value, list):
        return [_lasting(each) for each in value]
    return value
