"""A Deployment is created held: it adopts its ReplicaSets, and rolls nothing until it is let go.

A create has no precondition but that its name is free. Every other write of a migration says which
object it is meant for; this one, sent by a leader that has lost its lease and arriving when the
migration has been turned round, would set up the Deployment of the wrong side, and that one would
begin a rollout. Paused, it makes no ReplicaSet: whoever looks next lets it go, or deletes it.
"""

from __future__ import annotations

from typing import Any, Final

from mattermost_migrate.domain.names import DEPLOYMENT, HELD_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, uid_of
from mattermost_migrate.domain.writes import PatchType, Write, patch

__all__ = ["hold", "is_held", "let_go", "unheld"]

#: What the label says the Deployment is to be: its owner may have paused it before we did.
_PAUSED: Final = "paused"
_RUNNING: Final = "running"


def hold(manifest: JsonObject) -> dict[str, Any]:
    """The Deployment as it is created.

    The mark is a label: annotations are copied to ReplicaSets, and back by ``rollout undo``.
    """
    metadata, spec = manifest["metadata"], manifest["spec"]
    labels = {**labels_of(manifest), HELD_LABEL: _PAUSED if spec.get("paused") else _RUNNING}
    return {
        **manifest,
        "metadata": {**metadata, "labels": labels},
        "spec": {**spec, "paused": True},
    }


def is_held(deployment: JsonObject) -> bool:
    """Whether it was created and has yet to be let go."""
    return HELD_LABEL in labels_of(deployment)


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


def let_go(deployment: JsonObject, manifest: JsonObject) -> Write:
    """Have the very Deployment that was seen do what ``manifest`` says, if it is held still.

    Its spec is put there as a whole: one that came late was made of an earlier plan. Its version is
    no precondition, since its controller reports on it meanwhile.
    """
    label = f"/metadata/labels/{HELD_LABEL.replace('/', '~1')}"
    value = labels_of(deployment)[HELD_LABEL]
    return patch(
        DEPLOYMENT,
        name_of(deployment),
        [
            {"op": "test", "path": "/metadata/uid", "value": uid_of(deployment)},
            {"op": "test", "path": label, "value": value},
            {"op": "remove", "path": label},
            {"op": "replace", "path": "/spec", "value": manifest["spec"]},
        ],
        patch_type=PatchType.JSON,
    )
