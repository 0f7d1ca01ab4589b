"""An installation as its children see it: name, owner, labels (operator facts 0.2, 0.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mattermost_migrate.domain import inventory, last_applied
from mattermost_migrate.domain.canonical import types
from mattermost_migrate.domain.names import LAST_APPLIED, Labels, Resource
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, owner_reference

__all__ = ["Installation", "annotated", "without_annotation"]


@dataclass(frozen=True, slots=True)
class Installation:
    """What every child takes from its custom resource.

    Attributes:
        name: of the custom resource, and of most children.
        namespace: where all of them live.
        spec: with defaults.
        keys: the kind's own label keys.
        owner: the controller reference the children carry.
        recorded: children carry the annotation that records them; it is half of what they cost.
    """

    name: str
    namespace: str
    spec: Mapping[str, Any]
    keys: Labels
    owner: Mapping[str, Any]
    recorded: bool = True

    @classmethod
    def of(
        cls, obj: JsonObject, resource: Resource, keys: Labels, *, recorded: bool = True
    ) -> Installation:
        """Read one, defaults already applied."""
        owner = owner_reference(obj, resource)
        return cls(name_of(obj), namespace_of(obj), obj["spec"], keys, owner, recorded)

    def metadata(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Metadata of an owned child."""
        made: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "ownerReferences": [dict(self.owner)],
        }
        if labels:
            made["labels"] = dict(labels)
        if annotations:
            made["annotations"] = dict(annotations)
        return made

    def child(self, resource: Resource, metadata: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
        """A child as Go would send it, with the annotation that records it."""
        made = _made(resource, metadata, rest)
        return annotated(made) if self.recorded else made

    def adopted(
        self, resource: Resource, metadata: Mapping[str, Any], **rest: Any
    ) -> dict[str, Any]:
        """A child that the operator records before it sets the owner (operator facts 0.4)."""
        made = annotated(_made(resource, metadata, rest))
        return {**made, "metadata": {**made["metadata"], "ownerReferences": [dict(self.owner)]}}

    def dependency_labels(self) -> dict[str, str]:
        """The one label of what other operators run for the installation."""
        return {self.keys.resource: self.name}

    @property
    def database_name(self) -> str:
        """The MysqlCluster's name."""
        return inventory.database_name(self.name)

    @property
    def minio_secret(self) -> str:
        """The generated MinIO secret's name, and usually the MinIOInstance's."""
        return inventory.minio_secret(self.name)

    @property
    def mysql_secret(self) -> str:
        """The generated MySQL secret's name."""
        return inventory.mysql_secret(self.name)


def _made(
    resource: Resource, metadata: Mapping[str, Any], rest: Mapping[str, Any]
) -> dict[str, Any]:
    body = {"metadata": dict(metadata), **rest}
    if types.known(resource.kind):
        body = types.written(resource.kind)(body)
        if body.get("status") in ({}, {"loadBalancer": {}}):
            del body["status"]
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}


def annotated(obj: JsonObject) -> dict[str, Any]:
    """The object with the annotation that records it as it is now."""
    recorded = {LAST_APPLIED: last_applied.encode(obj)}
    annotations = {**(obj["metadata"].get("annotations") or {}), **recorded}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def without_annotation(obj: JsonObject) -> dict[str, Any]:
    """The object without that annotation, and without annotations when it was the only one."""
    metadata = dict(obj["metadata"])
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if k != LAST_APPLIED}
    if annotations:
        metadata["annotations"] = annotations
    return {**obj, "metadata": metadata}
