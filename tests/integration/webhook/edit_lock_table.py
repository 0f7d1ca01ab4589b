"""docs/reference/edit-lock.md, read: what its tables say is what is tested, and in what way.

Every row is taken from the document. The words of a row are looked up here, for the writes that
they mean; a word that is not known is an error, so no cell can say what nobody tries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)

from .locked import NEW_SPEC, OLD_SPEC, OWNER, Locked, deployment, edit, migration

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "reference" / "edit-lock.md"
#: Which of the two is there: the columns of the tables.
LOCKS: Final = ("webhook", "policy")
REFUSED: Final = "refused"
PASSES: Final = "passes"
#: The webhook is not called for the object at all.
NOT_CALLED: Final = "\N{EN DASH}"
Do = Callable[[Locked], object]
#: What a write is called, and the write itself.
Ways = Iterator[tuple[str, Do]]


@dataclass(frozen=True, slots=True)
class Write:
    """One that a row of the document means.

    Attributes:
        what: the object and what happens to it, as a test is called.
        scene: the kind that is frozen where it is tried.
        do: sends it, as a dry run.
        outcome: what the document says of it, by lock.
    """

    what: str
    scene: str
    do: Do
    outcome: dict[str, str]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, by row, without the marks of footnotes."""
    text = DOCUMENT.read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[re.sub(r" ?[¹²]", "", c).strip() for c in row.split("|")[1:-1]] for row in lines]
    return table[2:]


def during_the_lock() -> Iterator[Write]:
    """Every write that the rows of that table mean.

    Raises:
        KeyError: a row says what is not known here.
    """
    above = ""
    for objects, what, *says in rows("During the lock"):
        above = objects or above
        outcome = dict(zip(LOCKS, says, strict=True))
        for resource, name in OBJECTS[above]:
            for phrase in (what,) if what in PHRASES else _phrases(what):
                if (resource, phrase) in NONE_SUCH:
                    continue
                for way, do in PHRASES[phrase](resource, name):
                    scene = _scene(resource, phrase)
                    yield Write(f"{resource} {name}: {way}", scene, do, outcome)


def _phrases(what: str) -> list[str]:
    return re.split(r", | or ", what.removesuffix(" changed"))


def _scene(resource: Resource, phrase: str) -> str:
    """Which kind is frozen: that which is written to, or else the old one; or there is none yet."""
    created = phrase in ("created", "created under that name")
    frozen = CLUSTER_INSTALLATION if (resource is MATTERMOST) is created else MATTERMOST
    return frozen.kind


#: What the first column names: the kind, and what it is called in the scene.
OBJECTS: Final[dict[str, list[tuple[Resource, str]]]] = {
    "ClusterInstallation, Mattermost": [(CLUSTER_INSTALLATION, "chat"), (MATTERMOST, "chat")],
    "InstallationMigration": [(INSTALLATION_MIGRATION, "chat")],
    "Deployment of that name": [(DEPLOYMENT, "chat")],
    "Service, Ingress, ServiceAccount of that name": [
        (SERVICE, "chat"),
        (INGRESS, "chat"),
        (SERVICE_ACCOUNT, "chat"),
    ],
    "ReplicaSets with the installation's labels": [(REPLICA_SET, "chat-1")],
    "Secrets with its labels, its generated Secrets, the backup": [
        (SECRET, "labelled"),
        (SECRET, "chat-mysql-root-password"),
        (SECRET, "chat-migration-backup"),
    ],
    "Pods": [(POD, "chat-1-abcde")],
}
#: A ServiceAccount has neither.
NONE_SUCH: Final = {(SERVICE_ACCOUNT, "`spec`"), (SERVICE_ACCOUNT, "`status`")}
SPECS: Final[dict[Resource, list[dict[str, Any]]]] = {
    CLUSTER_INSTALLATION: [
        {"replicas": 7},
        {"image": "other"},
        {"resources": {"limits": {"cpu": "3"}}},
        {"mattermostEnv": [{"name": "A", "value": "b"}]},
        {"affinity": {"nodeAffinity": {}}},
    ],
    MATTERMOST: [
        {"replicas": 7},
        {"image": "other"},
        {"scheduling": {"resources": {"limits": {"cpu": "3"}}}},
        {"mattermostEnv": [{"name": "A", "value": "b"}]},
        {"updateJob": {"disabled": True}},
    ],
    DEPLOYMENT: [{"replicas": 1}, {"paused": True}, {"minReadySeconds": 7}],
    SERVICE: [{"selector": {"app": "other"}}, {"publishNotReadyAddresses": True}],
    INGRESS: [{"ingressClassName": "x"}],
}
LABELS: Final = {"metadata": {"labels": {"team": "a"}}}
OWNERS: Final = {"metadata": {"ownerReferences": [OWNER]}}
ANNOTATIONS: Final = {"metadata": {"annotations": {"note": "x"}}}
FINALIZERS: Final = {"metadata": {"finalizers": ["example.com/a"]}}


def _patched(patch: dict[str, Any], way: str) -> Callable[[Resource, str], Ways]:
    def ways(resource: Resource, name: str) -> Ways:
        yield way, lambda it: it.patch(resource, patch, name)

    return ways


def _spec(resource: Resource, name: str) -> Ways:
    for spec in SPECS[resource]:
        (field,) = spec
        yield f"spec.{field}", partial(_patch_spec, resource, name, spec)
    if resource in (CLUSTER_INSTALLATION, MATTERMOST):
        yield "another version", lambda it: it.patch(resource, edit(), name)
        applied = {"replicas": 7}
        yield "another one applied", lambda it: it.apply(resource, _spec_of(resource) | applied)


def _patch_spec(resource: Resource, name: str, spec: dict[str, Any], it: Locked) -> object:
    return it.patch(resource, {"spec": spec}, name)


def _spec_of(resource: Resource) -> dict[str, Any]:
    return dict(OLD_SPEC if resource is CLUSTER_INSTALLATION else NEW_SPEC)


def _freeze_cleared(resource: Resource, _: str) -> Ways:
    if resource is MATTERMOST:
        yield "freeze cleared", lambda it: it.patch(resource, {"spec": NEW_SPEC})
        yield "freeze cleared by apply", lambda it: it.apply(resource, NEW_SPEC)
        return
    for field, value in (("migrate", False), ("migrate", None), ("canary", None)):
        yield f"{field}: {value}", partial(_patch_spec, resource, "chat", {field: value})
    awake = OLD_SPEC | {"migrate": False}
    yield "freeze cleared by apply", lambda it: it.apply(resource, awake)


def _deleted(resource: Resource, name: str) -> Ways:
    yield "deleted", lambda it: it.delete(resource, name)
    yield "deleted with all", lambda it: it.delete_all(resource, name)


def _created(resource: Resource, _: str) -> Ways:
    whole = {"metadata": {"name": "chat"}, "spec": _spec_of(resource)}
    body = deployment() if resource is DEPLOYMENT else whole
    yield "created", lambda it: it.create(resource, body)


def _applied_again(resource: Resource, _: str) -> Ways:
    yield "replaced by what is there", lambda it: it.replace(resource)
    note = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    again = {"metadata": {"annotations": note}, "spec": _unfrozen(resource)}
    yield "applied by the client", lambda it: it.patch(resource, again)
    for manager in ("argocd-controller", "kustomize-controller"):
        yield f"applied by {manager}", partial(_apply_again, resource, manager)


def _apply_again(resource: Resource, manager: str, it: Locked) -> object:
    return it.apply(resource, _unfrozen(resource), manager)


def _unfrozen(resource: Resource) -> dict[str, Any]:
    """What stands in git and is there still: all that the freeze has not changed."""
    return {field: value for field, value in _spec_of(resource).items() if field != "ingress"}


def _spelled_otherwise(resource: Resource, _: str) -> Ways:
    cpu: dict[str, Any] = {"resources": {"limits": {"cpu": "2000m"}}}
    if resource is MATTERMOST:
        cpu = {"scheduling": cpu}
    for way, spec in (("cpu of 2000m", cpu), ("no environment", {"mattermostEnv": []})):
        yield way, partial(_patch_spec, resource, "chat", spec)


def _metadata(resource: Resource, name: str) -> Ways:
    for phrase in ("labels", "annotations", "finalizers", "owners"):
        yield from PHRASES[phrase](resource, name)


def _lock_label(resource: Resource, _: str) -> Ways:
    def labelled(value: str | None) -> Do:
        return lambda it: it.patch(resource, {"metadata": {"labels": {LOCK_LABEL: value}}})

    yield "lock taken away", labelled(None)
    yield "lock changed", labelled("other")
    new = migration(MATTERMOST.kind, name="new")
    yield "lock set", lambda it: it.create(resource, new)


def _turned(resource: Resource, name: str) -> Ways:
    for field, value in (("desiredKind", CLUSTER_INSTALLATION.kind), ("paused", True)):
        yield f"spec.{field}", partial(_patch_spec, resource, name, {field: value})


def _scaled(resource: Resource, name: str) -> Ways:
    yield "scaled", lambda it: it.scale(resource, name)


def _changed(resource: Resource, name: str) -> Ways:
    yield from PHRASES["labels"](resource, name)
    yield from PHRASES["annotations"](resource, name)
    yield from PHRASES["owners"](resource, name)
    own = {"metadata": {"labels": {"app": None}}}
    yield "a label taken away", lambda it: it.patch(resource, own, name)
    if resource is SECRET:
        data = {"stringData": {"USER": "x"}}
        yield "its content", lambda it: it.patch(resource, data, name)
    else:
        yield "spec", lambda it: it.patch(resource, {"spec": {"minReadySeconds": 7}}, name)


def _status(resource: Resource, name: str) -> Ways:
    yield "status", lambda it: it.status(resource, name)


def _anything(resource: Resource, name: str) -> Ways:
    yield from PHRASES["labels"](resource, name)
    yield from _deleted(resource, name)


#: What the second column says, whole or in part.
PHRASES: Final[dict[str, Callable[[Resource, str], Ways]]] = {
    "any field of `spec` changed": _spec,
    "`spec`": _spec,
    "the freeze cleared (`migrate`, `canary`, `ingress`), also by a forced apply": _freeze_cleared,
    "deleted": _deleted,
    "created": _created,
    "created under that name": _created,
    "re-applied as it is: replaced, applied client-side or server-side"
    " (as kubectl, Argo CD, Flux do)": _applied_again,
    "the same values spelled otherwise (`2000m` for `2`, a zero value for none)": (
        _spelled_otherwise
    ),
    "labels, annotations, finalizers, owners": _metadata,
    "labels": _patched(LABELS, "labels"),
    "annotations": _patched(ANNOTATIONS, "annotations"),
    "finalizers": _patched(FINALIZERS, "finalizers"),
    "owners": _patched(OWNERS, "owners"),
    "annotations under `migration.mattermost.com/`": _patched(
        {"metadata": {"annotations": {"migration.mattermost.com/anything": "x"}}}, "our annotations"
    ),
    "`status`": _status,
    "the lock label set, changed or taken away": _lock_label,
    "`spec` changed: turned round (`desiredKind`), paused …": _turned,
    "scaled": _scaled,
    "changed": _changed,
    "anything (no rule names them): a pod that dies is replaced by its ReplicaSet": _anything,
}
