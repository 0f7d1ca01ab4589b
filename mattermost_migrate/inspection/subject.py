"""The installation that is inspected: what there is under its name, and who says it owns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    HELD_LABEL,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    RECREATE_ANNOTATION,
    SERVING_LABEL,
    V1ALPHA1,
    V1BETA1,
    Labels,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of
from mattermost_migrate.inspection.scene import Scene

__all__ = ["Subject", "condition", "selector_of", "spec_of"]


def spec_of(obj: JsonObject) -> Mapping[str, Any]:
    """``spec``, empty when absent."""
    return obj.get("spec") or {}


def selector_of(obj: JsonObject) -> Mapping[str, str]:
    """What a Deployment or a ReplicaSet selects by."""
    return (spec_of(obj).get("selector") or {}).get("matchLabels") or {}


def condition(obj: JsonObject, kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty when absent."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), {})


@dataclass(frozen=True, slots=True)
class Subject:
    """One installation in a scene."""

    scene: Scene
    namespace: str
    name: str

    @property
    def cluster_installation(self) -> JsonObject | None:
        """The ClusterInstallation of that name."""
        return self.scene.get(CLUSTER_INSTALLATION, self.namespace, self.name)

    @property
    def mattermost(self) -> JsonObject | None:
        """The Mattermost of that name."""
        return self.scene.get(MATTERMOST, self.namespace, self.name)

    @property
    def migration(self) -> JsonObject | None:
        """The InstallationMigration of that name."""
        return self.scene.get(INSTALLATION_MIGRATION, self.namespace, self.name)

    @property
    def owners(self) -> tuple[JsonObject, ...]:
        """The custom resources there are, without one that was created and never let go.

        Where there is no other, that one is all there is.
        """
        both = (self.cluster_installation, self.mattermost)
        there = tuple(each for each in both if each is not None)
        return tuple(each for each in there if HELD_LABEL not in labels_of(each)) or there

    @property
    def never_let_go(self) -> tuple[JsonObject, ...]:
        """What a migration created and left as it creates it: frozen, or paused."""
        everything = (self.cluster_installation, self.mattermost, self.deployment)
        return tuple(each for each in everything if each and HELD_LABEL in labels_of(each))

    @property
    def owner(self) -> JsonObject | None:
        """The custom resource that owns the installation, when it is one and no other."""
        return self.owners[0] if len(self.owners) == 1 else None

    @property
    def under_way(self) -> bool:
        """A migration holds the installation."""
        return self.migration is not None and LOCK_LABEL in labels_of(self.migration)

    @property
    def replaced(self) -> bool:
        """New pods replace the old ones, and the Service selects them one by one meanwhile."""
        marks = annotations_of(self.migration) if self.migration is not None else {}
        return self.under_way and RECREATE_ANNOTATION in marks

    @property
    def deployment(self) -> JsonObject | None:
        """The Deployment of that name."""
        return self.scene.get(DEPLOYMENT, self.namespace, self.name)

    @property
    def coloured(self) -> bool:
        """With blue/green there are two Deployments, and none of the installation's own name."""
        owner = self.cluster_installation
        return owner is not None and bool((spec_of(owner).get("blueGreen") or {}).get("enable"))

    @property
    def labels(self) -> Labels:
        """Those by which the kind that owns the installation knows what is its own."""
        owner = self.owner
        return V1BETA1 if owner and owner["kind"] == MATTERMOST.kind else V1ALPHA1

    def selectors(self) -> tuple[Mapping[str, str], ...]:
        """What Deployment and Service may select by: under way, either kind's labels."""
        if self.under_way:
            named = ({SERVING_LABEL: self.name},) if self.replaced else ()
            return V1ALPHA1.selector(self.name), V1BETA1.selector(self.name), *named
        return (self.labels.selector(self.name),)
