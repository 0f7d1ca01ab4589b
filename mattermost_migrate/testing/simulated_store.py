"""What a simulated cluster holds, and the rules by which the API server lets it be written.

The garbage collector is here as well: what an owner's end does to its dependents is a matter of
what is stored, and of nothing that moves by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonpatch

from mattermost_migrate.domain.errors import AlreadyExistsError, NotFoundError, StaleError
from mattermost_migrate.domain.names import POD, Resource
from mattermost_migrate.domain.objects import JsonObject, owners_of, uid_of
from mattermost_migrate.domain.writes import Outcome, PatchType, Verb, Write

__all__ = ["Store", "copied", "merge_patch"]

_ORPHAN: Final = "orphan"
_OMITTED: Final = frozenset({"annotations", "labels", "ownerReferences", "finalizers"})


def copied(value: Any) -> Any:
    """A copy of a JSON value, in a third of the time that ``copy.deepcopy`` takes."""
    if isinstance(value, dict):
        return {key: copied(each) for key, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, (list, tuple)) else value


def merge_patch(target: Any, body: Any) -> Any:
    """RFC 7386."""
    if not isinstance(body, Mapping):
        return body
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in body.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _strategic(target: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """As far as the ladder uses it: owner references merge by uid, ``$patch: delete`` removes."""
    body = copied(body)
    references = body.get("metadata", {}).pop("ownerReferences", ())
    result: dict[str, Any] = merge_patch(target, body)
    owners = {owner["uid"]: owner for owner in owners_of(result)}
    for reference in references:
        if reference.get("$patch") == "delete":
            owners.pop(reference["uid"], None)
        else:
            owners[reference["uid"]] = reference
    result["metadata"]["ownerReferences"] = list(owners.values())
    template = result["spec"]["template"]["metadata"]
    if template.get("annotations") == {}:
        del template["annotations"]  # an API server stores no map that is empty
    return result


class Store:
    """The objects of one namespace.

    Attributes:
        version: the newest resourceVersion; it stands still when nothing moves.
    """

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.version = 0

    def find(self, resource: Resource, name: str) -> dict[str, Any] | None:
        """The object, or None."""
        return self._objects.get((resource.kind, name))

    def all(self, resource: Resource) -> Iterator[dict[str, Any]]:
        """Every object of a kind, in the order of their names."""
        found = [key for key in self._objects if key[0] == resource.kind]
        yield from [self._objects[key] for key in sorted(found)]

    def objects(self) -> tuple[dict[str, Any], ...]:
        """Every object, as it is; not to be changed."""
        return tuple(self._objects.values())

    def put(self, resource: Resource, obj: JsonObject) -> dict[str, Any]:
        """Store an object as given, with a UID and a version; for building the beginning."""
        fresh: dict[str, Any] = copied(obj)
        fresh.update(apiVersion=resource.api_version, kind=resource.kind)
        self.version += 1
        metadata = fresh["metadata"]
        metadata.setdefault("uid", f"{resource.kind.lower()}-{metadata['name']}-{self.version}")
        metadata.setdefault("namespace", "ns")
        metadata.update(generation=1, resourceVersion=str(self.version))
        self._objects[resource.kind, metadata["name"]] = fresh
        return fresh

    def apply(self, write: Write, *, dry_run: bool = False) -> None:
        """Carry one write out.

        Raises:
            AlreadyExistsError, NotFoundError, StaleError: as the API server would answer, unless
                the write tolerates it.
        """
        before = (copied(self._objects), self.version) if dry_run else None
        try:
            self._apply(write)
        except AlreadyExistsError:
            if not dry_run:
                raise
        except NotFoundError:
            if Outcome.NOT_FOUND not in write.tolerate:
                raise
        finally:
            if before is not None:
                self._objects, self.version = before

    def _apply(self, write: Write) -> None:
        current = self.find(write.resource, write.name)
        if write.verb is Verb.CREATE:
            if current is not None:
                raise AlreadyExistsError(str(write))
            assert isinstance(write.body, Mapping)  # noqa: S101 - a test kit
            self.put(write.resource, write.body)
            return
        if current is None:
            raise NotFoundError(str(write))
        if write.verb is Verb.DELETE:
            self._fence(current, {"uid": write.uid, "resourceVersion": write.resource_version})
            metadata = current["metadata"]
            if not metadata.get("deletionTimestamp"):
                metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
                metadata["generation"] += 1  # as Kubernetes counts a deletion that has to wait
                metadata["finalizers"] = [*metadata.get("finalizers", ()), _ORPHAN]
                self._touch(current)
            return
        self._replace(current, self._patched(current, write))

    def _patched(self, current: dict[str, Any], write: Write) -> dict[str, Any]:
        if write.patch_type is PatchType.JSON:
            assert isinstance(write.body, list)  # noqa: S101 - a test kit
            try:
                return dict(jsonpatch.apply_patch(current, write.body))
            except jsonpatch.JsonPatchTestFailed as error:
                raise StaleError(str(error)) from error
        assert isinstance(write.body, Mapping)  # noqa: S101 - a test kit
        body = copied(dict(write.body))
        fence = body.get("metadata", {})
        self._fence(current, {key: fence.get(key, "") for key in ("uid", "resourceVersion")})
        fence.pop("resourceVersion", None)
        if write.verb is Verb.REPLACE:
            return {**body, "metadata": {**current["metadata"], **body["metadata"]}}
        if write.patch_type is PatchType.STRATEGIC:
            return _strategic(current, body)
        result: dict[str, Any] = merge_patch(current, body)
        return result

    def _fence(self, current: dict[str, Any], wanted: Mapping[str, Any]) -> None:
        for key, value in wanted.items():
            if value and current["metadata"][key] != value:
                raise StaleError(f"{key} is {current['metadata'][key]}, not {value}")

    def _replace(self, current: dict[str, Any], fresh: dict[str, Any]) -> None:
        moved = fresh.get("spec") != current.get("spec")
        # Of metadata the API server stores nothing that is empty.
        told = fresh["metadata"].items()
        kept = {key: value for key, value in told if value or key not in _OMITTED}
        current.clear()
        current.update({**fresh, "metadata": kept})
        self._touch(current, spec=moved)

    def _touch(self, obj: dict[str, Any], *, spec: bool = False) -> None:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        if spec:
            obj["metadata"]["generation"] += 1

    def _status(self, obj: dict[str, Any], status: dict[str, Any]) -> bool:
        if obj.get("status") == status:
            return False
        obj["status"] = status
        self._touch(obj)
        return True

    def collect(self) -> bool:
        """The garbage collector: deletions that orphan, and what no owner is left of."""
        return self._orphan() or self._collect_dangling()

    def _collect_dangling(self) -> bool:
        """As its owners are read live: delete what has none left, else take out who is gone.

        In the background, as the real one does: what it deletes is gone at once, and the dependents
        name it until they are found dangling in their turn.
        """
        uids = {uid_of(obj) for obj in self._objects.values()}
        for key, obj in list(self._objects.items()):
            kept = [owner for owner in owners_of(obj) if owner["uid"] in uids]
            if len(kept) == len(owners_of(obj)) or obj["metadata"].get("deletionTimestamp"):
                continue
            if kept:
                obj["metadata"]["ownerReferences"] = kept
            elif obj["kind"] == POD.kind:
                obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"  # its kubelet ends it
            else:
                del self._objects[key]
            self._touch(obj)
            return True
        return False

    def _orphan(self) -> bool:
        for key, obj in list(self._objects.items()):
            metadata = obj["metadata"]
            held = metadata.get("finalizers", ())
            if not metadata.get("deletionTimestamp") or obj["kind"] == POD.kind:
                continue
            if held and _ORPHAN not in held:
                continue  # somebody else's, which is not ours to end
            for dependent in self._objects.values():
                kept = [each for each in owners_of(dependent) if each["uid"] != metadata["uid"]]
                if len(kept) != len(owners_of(dependent)):
                    dependent["metadata"]["ownerReferences"] = kept
                    self._touch(dependent)
            metadata["finalizers"] = [each for each in held if each != _ORPHAN]
            self._touch(obj)
            if not metadata["finalizers"]:
                del self._objects[key]
            return True
        return False
