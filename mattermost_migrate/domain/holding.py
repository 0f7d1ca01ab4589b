"""Whatever is created in the name of an installation is created held, and let go by a second write.

A create has no precondition but that its name is free. Every other write of a migration says which
object it is meant for; this one, sent by a leader that has lost its lease and arriving when the
migration has been turned round, would set up the Deployment of the wrong side, or the custom
resource of a second operator. So a Deployment is created paused, and makes no ReplicaSet; a custom
resource is created frozen, and its operator touches nothing. Whoever looks next lets it go, or
deletes it.
"""

from __future__ import annotations

from typing import Any, Final

from mattermost_migrate.domain.freeze import frozen, frozen_spec
from mattermost_migrate.domain.names import DEPLOYMENT, HELD_LABEL, Resource
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, uid_of
from mattermost_migrate.domain.pod_patch import pointer
from mattermost_migrate.domain.writes import PatchType, Write, patch

__all__ = ["hold", "is_held", "let_go", "unheld"]

#: What the label says a Deployment is to be: its owner may have paused it before we did.
_PAUSED: Final = "paused"
_RUNNING: Final = "running"
#: What it says on a custom resource.
_FROZEN: Final = "frozen"


def hold(manifest: JsonObject) -> dict[str, Any]:
    """A Deployment, ClusterInstallation or Mattermost as it is created.

    The mark is a label: a Deployment's annotations are copied to its ReplicaSets, and back by
    ``rollout undo``.
    """
    spec = manifest["spec"]
    if manifest["kind"] == DEPLOYMENT.kind:
        mark, held = _PAUSED if spec.get("paused") else _RUNNING, {**spec, "paused": True}
    else:
        mark, held = _FROZEN, {**spec}
        for key, value in frozen_spec(manifest).items():
            section = spec.get(key)
            held[key] = {**section, **value} if isinstance(section, dict) else value
    labels = {**labels_of(manifest), HELD_LABEL: mark}
    return {**manifest, "metadata": {**manifest["metadata"], "labels": labels}, "spec": held}


def is_held(obj: JsonObject) -> bool:
    """Whether it was created and has yet to be let go.

    A custom resource that somebody has thawed by force is at work, whatever it is marked with.
    """
    return HELD_LABEL in labels_of(obj) and (obj["kind"] == DEPLOYMENT.kind or frozen(obj))


def unheld(deployment: JsonObject) -> JsonObject:
    """The Deployment as it would be, let go."""
    if not is_held(deployment):
        return deployment
    labels = dict(labels_of(deployment))
    paused = {"paused": True} if labels.pop(HELD_LABEL) == _PAUSED else {}
    spec = {key: value for key, value in deployment["spec"].items() if key != "paused"}
    return {
        **deployment,
        "metadata": {**deployment["metadata"], "labels": labels},
        "spec": {**spec, **paused},
    }


def let_go(resource: Resource, obj: JsonObject, manifest: JsonObject) -> Write:
    """Have the very object that was seen do what ``manifest`` says, if it is held still.

    Its spec is put there as a whole: one that came late was made of an earlier plan. Its version is
    no precondition, since its controller reports on it meanwhile.
    """
    label = f"/metadata/labels{pointer(HELD_LABEL)}"
    return patch(
        resource,
        name_of(obj),
        [
            {"op": "test", "path": "/metadata/uid", "value": uid_of(obj)},
            {"op": "test", "path": label, "value": labels_of(obj)[HELD_LABEL]},
            {"op": "remove", "path": label},
            {"op": "replace", "path": "/spec", "value": manifest["spec"]},
        ],
        patch_type=PatchType.JSON,
    )
