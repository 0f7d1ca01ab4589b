"""What others put on a child, and what becomes of it when an operator takes the child over.

An operator writes whole objects, so whatever it does not know is gone at the first write of the
other kind's (operator facts 0.4): an IRSA annotation or an imagePullSecret of a ServiceAccount, a
finalizer, a second owner. The backup has the child as it was, and in it the operator's own record
of what it had written: the rest was put there by others, and is put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.last_applied import decode
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    LAST_APPLIED,
    MATTERMOST,
    OWN_GROUP,
    REVISION_ANNOTATION,
    SECRET,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, owners_of
from mattermost_migrate.domain.sides import NEW, OLD

__all__ = ["lost"]

_INSTALLATIONS: Final = frozenset({CLUSTER_INSTALLATION.kind, MATTERMOST.kind})
#: Written by Kubernetes' own controllers, or by the operator as a whole; and the labels that say
#: which kind an object belongs to: of a Deployment that no operator has written yet they are in
#: nobody's record.
_NOBODYS: Final = frozenset(
    {LAST_APPLIED, REVISION_ANNOTATION, *OLD.labels.of(""), *NEW.labels.of("")}
)
#: By us, for a moment. Put back, the label that a held Service selects by would leave it without
#: endpoints once the pods have lost theirs.
_OURS: Final = f"{OWN_GROUP}/"
#: What the API server gives a Service anew when it gives it another type.
_ALLOCATED: Final = frozenset({"clusterIP", "clusterIPs", "healthCheckNodePort"})
#: Of a Deployment these are the exchange's own business, and the pin's.
_EXCHANGED: Final = frozenset({"replicas", "selector", "strategy", "template"})
_ASIDE: Final = frozenset({"apiVersion", "kind", "metadata", "status"})


def lost(saved: JsonObject, live: JsonObject) -> dict[str, Any]:
    """What others had put on a child and is not there any more, as a merge patch of it.

    Lists that the operator writes (rules of a Role, subjects of a RoleBinding, ports) are the
    operator's as a whole. Where either record cannot be read nobody can tell what was whose.

    Args:
        saved: the child as it was before it changed hands.
        live: as it is.

    Returns:
        The patch without preconditions; empty when nothing is missing.
    """
    then, now = _record(saved), _record(live)
    if then is None or now is None:
        return {}
    skipped = _ASIDE | ({"data"} if saved["kind"] == SECRET.kind else frozenset())
    body = {key: value for key, value in saved.items() if key not in skipped}
    if saved["kind"] == DEPLOYMENT.kind:
        body["spec"] = _without(body["spec"], _EXCHANGED)
    elif "spec" in body:
        body["spec"] = _without(body["spec"], _ALLOCATED)
    patch = _others(body, then, now, live)
    if metadata := _metadata(saved, live, then, now):
        patch["metadata"] = metadata
    return patch


def _metadata(
    saved: JsonObject, live: JsonObject, then: JsonObject, now: JsonObject
) -> dict[str, Any]:
    before, after = saved["metadata"], live["metadata"]
    # A text that is there is another's; a field may be there by the API server's default alone.
    texts = {
        key: _without(before.get(key) or {}, _NOBODYS.union(after.get(key) or ()))
        for key in ("labels", "annotations")
    }
    patch = _others(texts, then.get("metadata") or {}, now.get("metadata") or {}, after)
    held = after.get("finalizers") or []
    if missing := [each for each in before.get("finalizers") or () if each not in held]:
        patch["finalizers"] = [*held, *missing]
    owners = owners_of(live)
    known = {owner["uid"] for owner in owners}
    if others := [
        owner
        for owner in owners_of(saved)
        if owner["uid"] not in known and owner["kind"] not in _INSTALLATIONS
    ]:
        patch["ownerReferences"] = [*owners, *others]
    return patch


def _others(
    saved: Mapping[str, Any],
    then: Mapping[str, Any],
    now: Mapping[str, Any],
    live: Mapping[str, Any],
) -> dict[str, Any]:
    """What is in ``saved`` by nobody's record, and not in ``live``."""
    out: dict[str, Any] = {}
    for key, value in saved.items():
        if isinstance(value, Mapping):
            inner = _others(value, *(_mapping(each.get(key)) for each in (then, now, live)))
            if inner:
                out[key] = inner
        elif live.get(key) != value and not (key in then or key in now or key.startswith(_OURS)):
            out[key] = value
    return out


def _record(obj: JsonObject) -> JsonObject | None:
    recorded = annotations_of(obj).get(LAST_APPLIED)
    if not recorded:
        return None
    try:
        return decode(recorded)
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _without(section: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in keys}
