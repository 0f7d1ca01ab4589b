"""What may stop a migration: one write of the engine's for each step, refused by the API server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    SECRET,
    V1ALPHA1,
    V1BETA1,
    Condition,
    Resource,
)
from mattermost_migrate.domain.objects import owner_reference
from mattermost_migrate.testing.cluster import Client
from mattermost_migrate.testing.policies import Policy, refusing

__all__ = ["ENGINE", "OBSTACLES", "Obstacle", "dependent"]

#: Who the engine is to the API server, with the rights that the chart gives it.
ENGINE: Final = "system:serviceaccount:mattermost-migrate:mattermost-migrate-controller"
_BY_ENGINE: Final = f"request.userInfo.username == '{ENGINE}'"
_LABELLED: Final = (
    f"has(object.metadata.labels) && '{V1BETA1.installation}' in object.metadata.labels"
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A write that is refused on the way there, and no write of the way back.

    Attributes:
        step: the step whose write it is.
        resource, operation: what is written, and how, as admission spells it.
        only: a further CEL expression that is true of the write.
    """

    step: Condition
    resource: Resource
    operation: str
    only: str = "true"

    def __str__(self) -> str:
        return f"{self.step}: {self.operation} {self.resource.kind}"

    @contextmanager
    def standing(self, admin: Client, namespace: str) -> Iterator[Policy]:
        """In the way for as long as this lasts."""
        when = f"{_BY_ENGINE} && {self.only}"
        with refusing(
            admin, namespace, self.resource, when, operations=(self.operation,)
        ) as policy:
            yield policy


OBSTACLES: Final = (
    Obstacle(Condition.ORIGINALS_SAVED, SECRET, "CREATE"),
    Obstacle(
        Condition.SOURCE_FROZEN,
        CLUSTER_INSTALLATION,
        "UPDATE",
        "has(object.spec.migrate) && object.spec.migrate",
    ),
    Obstacle(Condition.DEPLOYMENT_RELEASED, DEPLOYMENT, "DELETE"),
    Obstacle(Condition.PODS_LABELLED, REPLICA_SET, "UPDATE", _LABELLED),
    Obstacle(Condition.PODS_LABELLED, POD, "UPDATE", _LABELLED),
    Obstacle(Condition.DEPLOYMENT_ADOPTED, DEPLOYMENT, "CREATE", _LABELLED),
    Obstacle(Condition.TARGET_CREATED, MATTERMOST, "CREATE"),
    Obstacle(Condition.TARGET_CREATED, MATTERMOST, "UPDATE"),
    Obstacle(
        Condition.CHILDREN_TRANSFERRED,
        POD_DISRUPTION_BUDGET,
        "UPDATE",
        "object.metadata.ownerReferences.exists(each, each.kind == 'Mattermost')",
    ),
    Obstacle(Condition.SOURCE_REMOVED, CLUSTER_INSTALLATION, "DELETE"),
)


def dependent(admin: Client, namespace: str, name: str) -> None:
    """Somebody's object that names the ClusterInstallation as its owner: it is transferred."""
    owner = admin.get(CLUSTER_INSTALLATION, namespace, name)
    metadata = {
        "name": name,
        "labels": {V1ALPHA1.installation: name},
        "ownerReferences": [
            {**owner_reference(owner, CLUSTER_INSTALLATION), "controller": False},
        ],
    }
    selector = {"matchLabels": {V1ALPHA1.installation: name}}
    admin.create(
        POD_DISRUPTION_BUDGET, namespace, {"metadata": metadata, "spec": {"selector": selector}}
    )
