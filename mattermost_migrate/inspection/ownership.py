"""Owner references: one controller each, one that exists, and the one it should be."""

from __future__ import annotations

from collections.abc import Iterator

from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    INGRESS,
    LAST_APPLIED,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, name_of, owners_of, uid_of
from mattermost_migrate.inspection.scene import database_of, file_store_of
from mattermost_migrate.inspection.subject import Subject
from mattermost_migrate.inspection.verdict import Finding, Flaw
from mattermost_migrate.inspection.workload import pods_of, replica_sets_of

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Everything about who owns what there is of the installation."""
    named, owned = _named(subject), _owned(subject)
    for uid, child in (named | owned).items():
        # A user may hang a Service of his own on the installation, so that it goes with it.
        if uid in named or LAST_APPLIED in annotations_of(child):
            yield from _controlled(subject, child)
    everything = (*(named | owned).values(), *replica_sets_of(subject), *pods_of(subject))
    for obj in everything:
        yield from _references(subject, obj)


def _named(subject: Subject) -> dict[str, JsonObject]:
    """What is the installation's by its name, by UID."""
    name = subject.name
    named = [
        *((kind, name) for kind in (DEPLOYMENT, SERVICE, INGRESS)),
        *((kind, name) for kind in (SERVICE_ACCOUNT, ROLE, ROLE_BINDING)),
        (MYSQL_CLUSTER, database_of(name)),
        (MINIO_INSTANCE, file_store_of(name)),
        *_generated_secrets(subject),
    ]
    found = (subject.scene.get(kind, subject.namespace, each) for kind, each in named)
    return {uid_of(each): each for each in found if each is not None}


def _owned(subject: Subject) -> dict[str, JsonObject]:
    """What says that one of the installation's custom resources owns it, by UID."""
    return {
        uid_of(each): each for owner in subject.owners for each in subject.scene.owned_by(owner)
    }


def _generated_secrets(subject: Subject) -> Iterator[tuple[Resource, str]]:
    """Where there is no database or file store, a Secret of that name is the user's own."""
    name, place = subject.name, subject.namespace
    if subject.scene.get(MYSQL_CLUSTER, place, database_of(name)):
        yield SECRET, f"{name}-mysql-root-password"
    store = subject.scene.get(MINIO_INSTANCE, place, file_store_of(name))
    if store is not None:
        yield SECRET, file_store_of(name)


def _controlled(subject: Subject, child: JsonObject) -> Iterator[Finding]:
    """Its controller is a custom resource of the installation, and there is just one."""
    controllers = [owner for owner in owners_of(child) if owner.get("controller")]
    ours = {uid_of(owner) for owner in subject.owners}
    if not controllers:
        # Between the exchange and the take-over nobody owns the Deployment, and nobody deletes it.
        between = subject.under_way and child["kind"] == DEPLOYMENT.kind
        if not between and not _by_hand(child):
            yield Finding.of(child, Flaw.NO_OWNER, "nobody controls it")
    elif len(controllers) == 1 and controllers[0]["uid"] not in ours:
        other = controllers[0]
        if subject.scene.exists(other["uid"]) or not subject.scene.would_show(other["kind"]):
            yield Finding.of(
                child,
                Flaw.OTHER_OWNER,
                f"{other['kind']} {other['name']} (uid {other['uid']}) controls it, which is not "
                "the installation's",
            )


def _by_hand(child: JsonObject) -> bool:
    """Whether a user made it under the installation's name, where the operator wants none."""
    optional = (INGRESS, SERVICE_ACCOUNT, ROLE, ROLE_BINDING, SECRET)
    ours = LAST_APPLIED in annotations_of(child)
    return not ours and child["kind"] in {resource.kind for resource in optional}


def _references(subject: Subject, obj: JsonObject) -> Iterator[Finding]:
    controllers = [owner for owner in owners_of(obj) if owner.get("controller")]
    if len(controllers) > 1:
        named = " and ".join(f"{each['kind']} {each['name']}" for each in controllers)
        yield Finding.of(obj, Flaw.TWO_OWNERS, f"two control it: {named}")
    for owner in owners_of(obj):
        if subject.scene.would_show(owner["kind"]) and not subject.scene.exists(owner["uid"]):
            yield Finding.of(
                obj,
                Flaw.OWNER_UNKNOWN,
                f"it names {owner['kind']} {owner['name']} (uid {owner['uid']}) as an owner, "
                "which does not exist: garbage collection may delete it",
                f"kubectl -n {subject.namespace} get {str(obj['kind']).lower()} {name_of(obj)} "
                "-o jsonpath='{.metadata.ownerReferences}'",
            )
