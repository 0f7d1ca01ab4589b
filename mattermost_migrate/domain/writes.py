"""Writes as data: what would be sent to the API server, before anybody sends it.

The same values are executed by the controller, rehearsed by ``plan`` with a server-side dry run,
and applied by the simulated cluster of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import JsonObject

__all__ = [
    "Body",
    "Outcome",
    "PatchType",
    "Verb",
    "Write",
    "create",
    "fence",
    "orphan",
    "patch",
    "replace",
]

Body = Mapping[str, Any] | list[Mapping[str, Any]] | None


class Verb(StrEnum):
    """The four verbs a migration needs."""

    CREATE = "create"
    REPLACE = "replace"
    PATCH = "patch"
    DELETE = "delete"


class PatchType(StrEnum):
    """Content types of a PATCH, as the API server names them."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class Outcome(StrEnum):
    """Answers that are as good as success, because somebody was there first."""

    NOT_FOUND = "NotFound"


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes the cluster.

    Attributes:
        verb, resource, name: what is done to which object of the installation's namespace.
        body: the object, or the patch; None for a delete.
        patch_type: of a PATCH only.
        subresource: ``status``, or empty for the object itself.
        uid, resource_version: preconditions of a DELETE; other verbs carry theirs in the body.
        tolerate: answers that are no failure.
    """

    verb: Verb
    resource: Resource
    name: str
    body: Body = None
    patch_type: PatchType | None = None
    subresource: str = ""
    uid: str = ""
    resource_version: str = ""
    tolerate: frozenset[Outcome] = frozenset()

    def __str__(self) -> str:
        what = f"{self.resource.kind}/{self.name}"
        return f"{self.verb} {what}{'/' + self.subresource if self.subresource else ''}"


def fence(obj: JsonObject) -> dict[str, Any]:
    """What a patch carries so that it meets the very object that was seen, and no later state.

    A write may arrive late: its sender has lost the lease, or the network held it. What was decided
    from an earlier look must not be done to what another has made of the object since.
    """
    metadata = obj["metadata"]
    return {"uid": str(metadata["uid"]), "resourceVersion": str(metadata["resourceVersion"])}


def create(resource: Resource, manifest: JsonObject) -> Write:
    """A POST of ``manifest``; that it exists already is for the caller to find out by looking."""
    return Write(Verb.CREATE, resource, str(manifest["metadata"]["name"]), manifest)


def replace(resource: Resource, manifest: JsonObject) -> Write:
    """A PUT of ``manifest``, which carries the resourceVersion it was made from."""
    return Write(Verb.REPLACE, resource, str(manifest["metadata"]["name"]), manifest)


def patch(
    resource: Resource,
    name: str,
    body: Body,
    *,
    patch_type: PatchType = PatchType.MERGE,
    subresource: str = "",
    tolerate: frozenset[Outcome] = frozenset(),
) -> Write:
    """A PATCH; its preconditions (uid, resourceVersion) stand in ``body``."""
    return Write(
        Verb.PATCH,
        resource,
        name,
        body,
        patch_type=patch_type,
        subresource=subresource,
        tolerate=tolerate,
    )


def orphan(resource: Resource, obj: JsonObject) -> Write:
    """A DELETE that leaves the dependents, and only of the very object that was looked at.

    Both preconditions stand on ``obj``: what is deleted is what was seen.
    """
    metadata = obj["metadata"]
    return Write(
        Verb.DELETE,
        resource,
        str(metadata["name"]),
        uid=str(metadata["uid"]),
        resource_version=str(metadata["resourceVersion"]),
    )
