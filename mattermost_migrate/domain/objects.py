"""Kubernetes objects as plain mappings, and the few questions everyone asks of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.names import Resource

__all__ = [
    "ANNOTATIONS_LIMIT",
    "MAPPING",
    "Existing",
    "JsonObject",
    "annotations_of",
    "annotations_size",
    "controller_of",
    "key_of",
    "labels_of",
    "leaving",
    "name_of",
    "namespace_of",
    "owner_reference",
    "owners_of",
    "typed",
    "uid_of",
]

#: An object as the API server sends it. Never changed in place: functions return new ones.
JsonObject: TypeAlias = Mapping[str, Any]
#: To ask by ``isinstance`` whether something is one where that is asked for each field of thousands
#: of objects: what JSON gives comes first, and an abstract class takes ten times as long.
MAPPING: Final = (dict, Mapping)
#: The API server's limit on all annotations of an object together, keys and values in bytes.
ANNOTATIONS_LIMIT: Final = 256 * 1024


def name_of(obj: JsonObject) -> str:
    """``metadata.name``, or an empty string."""
    return str((obj.get("metadata") or {}).get("name") or "")


def namespace_of(obj: JsonObject) -> str:
    """``metadata.namespace``, or an empty string."""
    return str((obj.get("metadata") or {}).get("namespace") or "")


def uid_of(obj: JsonObject) -> str:
    """``metadata.uid``, or an empty string."""
    return str((obj.get("metadata") or {}).get("uid") or "")


def key_of(obj: JsonObject) -> tuple[str, str]:
    """Namespace and name, by which queues and informers know it."""
    return namespace_of(obj), name_of(obj)


def labels_of(obj: JsonObject) -> Mapping[str, str]:
    """``metadata.labels``, empty when absent."""
    return (obj.get("metadata") or {}).get("labels") or {}


def annotations_of(obj: JsonObject) -> Mapping[str, str]:
    """``metadata.annotations``, empty when absent."""
    return (obj.get("metadata") or {}).get("annotations") or {}


def annotations_size(annotations: Mapping[str, str]) -> int:
    """Bytes that count against ``ANNOTATIONS_LIMIT``."""
    texts = (*annotations, *annotations.values())
    # Half of a surrogate pair becomes another character of three bytes on the way to the server.
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def leaving(obj: JsonObject) -> bool:
    """Whether it is being deleted, and waits for finalizers, or as a pod for its kubelet."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def owners_of(obj: JsonObject) -> tuple[JsonObject, ...]:
    """``metadata.ownerReferences``, in order."""
    return tuple((obj.get("metadata") or {}).get("ownerReferences") or ())


def controller_of(obj: JsonObject) -> JsonObject | None:
    """The one owner reference with ``controller: true``, if there is one."""
    return next((owner for owner in owners_of(obj) if owner.get("controller")), None)


def typed(resource: Resource, obj: JsonObject) -> dict[str, Any]:
    """The object with what it is, which the API server's lists do not say of their items."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}


def owner_reference(owner: JsonObject, resource: Resource) -> dict[str, Any]:
    """The controller reference that both operators write for ``owner`` (operator facts 0.3)."""
    return {
        "apiVersion": resource.api_version,
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": resource.kind,
        "name": name_of(owner),
        "uid": uid_of(owner),
    }


@dataclass(frozen=True, slots=True)
class Existing:
    """What else there is in an installation's namespace, by kind and name.

    Attributes:
        objects: the objects, keyed by (kind, name).
        given: they are documents somebody gave, and no cluster was asked: what is not among them
            may exist all the same.
    """

    objects: Mapping[tuple[str, str], JsonObject] = field(default_factory=dict)
    given: bool = False

    @classmethod
    def of(cls, objects: Iterable[JsonObject], *, given: bool = False) -> Existing:
        """Index objects that carry their ``kind``."""
        return cls({(str(obj["kind"]), name_of(obj)): obj for obj in objects}, given)

    def get(self, kind: str | Resource, name: str) -> JsonObject | None:
        """The object of that kind and name, or None."""
        return self.objects.get((str(kind), name))

    def __iter__(self) -> Iterator[JsonObject]:
        return iter(self.objects.values())
