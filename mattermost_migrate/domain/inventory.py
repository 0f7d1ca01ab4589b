"""What belongs to an installation, by kind and name (operator facts 0.2, 5.5)."""

from __future__ import annotations

import hashlib
from typing import Final

from mattermost_migrate.domain.names import (
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    INGRESS,
    JOB,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD_DISRUPTION_BUDGET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = [
    "LABELLED",
    "UPDATE_JOB",
    "children",
    "database_name",
    "dependents",
    "minio_secret",
    "mysql_secret",
]

#: One name for every installation of a namespace, as the operator has it.
UPDATE_JOB: Final = "mattermost-update-check"
#: Kinds of which others make objects for an installation, and may name it as their owner.
LABELLED: Final = (
    CONFIG_MAP,
    PERSISTENT_VOLUME_CLAIM,
    CRON_JOB,
    JOB,
    HORIZONTAL_POD_AUTOSCALER,
    NETWORK_POLICY,
    POD_DISRUPTION_BUDGET,
)


def database_name(installation: str) -> str:
    """The MysqlCluster's name; md5 is the operator's choice and guards nothing."""
    digest = hashlib.md5(installation.encode(), usedforsecurity=False).hexdigest()
    return f"db-{digest[:6]}"


def minio_secret(installation: str) -> str:
    """The generated file store Secret's name, and usually the MinIOInstance's."""
    return f"{installation}-minio"


def minio_service(installation: str) -> str:
    """What the MinIO operator calls the Service of the instance (operator facts 0.2)."""
    return f"{minio_secret(installation)}-hl-svc"


def mysql_secret(installation: str) -> str:
    """The generated database Secret's name."""
    return f"{installation}-mysql-root-password"


def job_server(installation: str) -> str:
    """The name of a Mattermost's second Deployment, which only runs jobs (operator facts 3.4)."""
    return f"{installation}-jobserver"


def children(installation: str) -> tuple[tuple[Resource, str], ...]:
    """Everything that either kind may own under the installation's name."""
    named = (DEPLOYMENT, SERVICE, INGRESS, SERVICE_ACCOUNT, ROLE, ROLE_BINDING)
    return (
        *((resource, installation) for resource in named),
        (SECRET, minio_secret(installation)),
        (SECRET, mysql_secret(installation)),
        (MYSQL_CLUSTER, database_name(installation)),
        (MINIO_INSTANCE, minio_secret(installation)),
    )


def dependents(installation: JsonObject) -> tuple[tuple[Resource, str], ...]:
    """Its children, and what else its operator may have made and not removed (facts 1.5, 2.5)."""
    name = name_of(installation)
    canary = ((installation.get("spec") or {}).get("canary") or {}).get("deployment") or {}
    left_over = canary.get("name") or f"{name}-canary"
    return (
        *children(name),
        *((resource, left_over) for resource in (DEPLOYMENT, SERVICE, INGRESS)),
        (JOB, UPDATE_JOB),
        (PERSISTENT_VOLUME_CLAIM, name),
    )
