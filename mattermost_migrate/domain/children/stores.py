"""What MySQL and MinIO operators are asked for (operator facts 0.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mattermost_migrate.domain.canonical import quantities
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.names import MINIO_INSTANCE, MYSQL_CLUSTER

__all__ = ["claim_spec", "minio_instance", "mysql_cluster"]


def claim_spec(storage: str, *modes: str) -> dict[str, Any]:
    """A claim's spec; the size becomes canonical only here."""
    return {
        "accessModes": list(modes),
        "resources": {"requests": {"storage": quantities.canonical(storage)}},
    }


def mysql_cluster(
    installation: Installation, section: Mapping[str, Any], secret: str
) -> dict[str, Any]:
    """The MysqlCluster for a database section of either kind.

    Args:
        installation: whose database it is.
        section: ``spec.database``, or ``spec.database.operatorManaged``.
        secret: holds users and passwords.
    """
    restore = section.get("backupRestoreSecretName", "")
    bucket = section.get("initBucketURL", "") if restore else ""
    optional = {
        "mysqlVersion": section.get("version"),
        "backupSchedule": section.get("backupSchedule"),
        "backupURL": section.get("backupURL"),
        "backupSecretName": restore,
        "backupRemoteDeletePolicy": section.get("backupRemoteDeletePolicy"),
        "initBucketURL": bucket,
        "initBucketSecretName": restore if bucket else "",
    }
    spec = {
        "replicas": section.get("replicas", 0),
        "secretName": secret,
        "podSpec": {
            "resources": {},
            "metricsExporterResources": {},
            "mysqlOperatorSidecarResources": {},
        },
        "volumeSpec": {
            "persistentVolumeClaim": claim_spec(section["storageSize"], "ReadWriteOnce")
        },
        **{key: value for key, value in optional.items() if value},
    }
    labels = installation.dependency_labels()
    metadata = installation.metadata(installation.database_name, labels=labels)
    return installation.child(MYSQL_CLUSTER, metadata, spec=spec)


def minio_instance(
    installation: Installation, section: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """The MinIOInstance for a file store section of either kind, with Go's empty structs."""
    template = {
        "metadata": {"name": name},
        "spec": claim_spec(section["storageSize"], "ReadWriteOnce"),
        "status": {},
    }
    spec: dict[str, Any] = {
        "mountPath": "/export",
        "credsSecret": {"name": name},
        "resources": {},
        "volumeClaimTemplate": template,
    }
    if section.get("replicas"):
        spec["replicas"] = section["replicas"]
    labels = installation.dependency_labels()
    return installation.child(
        MINIO_INSTANCE,
        installation.metadata(name, labels=labels),
        scheduler={"name": ""},
        spec=spec,
        status={"availableReplicas": 0},
    )
