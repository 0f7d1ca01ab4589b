from __future__ import annotations

import copy
from typing import Any

import pytest

from mattermost_migrate.domain.editlock import Edit, Exempt, Operation, Refusal, Unknown, judge
from mattermost_migrate.domain.names import Lock
from mattermost_migrate.domain.reported import lock_of
from mattermost_migrate.domain.snapshot import Snapshot

CONTROLLER = "system:serviceaccount:mattermost-migrate:mattermost-migrate-controller"
OPERATOR = "system:serviceaccount:mattermost-operator:mattermost-operator"
EXEMPT = Exempt(frozenset({CONTROLLER}), frozenset({OPERATOR}))
CREATE, UPDATE, DELETE = Operation.CREATE, Operation.UPDATE, Operation.DELETE

FREEZE = {"migrate": True, "canary": {"enable": True, "deployment": {}}}


def installation(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "chat", "namespace": "acme", "labels": {"team": "a"}},
        "spec": {"ingressName": "chat.example.com", "resources": {"limits": {"cpu": "2"}}, **spec},
    }


def migration(lock: str | None = "frozen", **changes: Any) -> dict[str, Any]:
    labels = {"migration.mattermost.com/fleet": "nightly"}
    if lock:
        labels["migration.mattermost.com/lock"] = lock
    return {
        "metadata": {"name": "chat", "namespace": "acme", "labels": labels, "generation": 1},
        "spec": {"desiredKind": "Mattermost"},
        "status": {"startTime": "2026-11-21T04:00:00Z", "currentStep": "PodsLabelled"},
        **changes,
    }


def finished(desired: str = "Mattermost", *, observed: int = 1) -> dict[str, Any]:
    status = {
        "observedGeneration": observed,
        "conditions": [{"type": "Succeeded", "status": "True"}],
    }
    return migration(None, spec={"desiredKind": desired}, status=status)


def edit(
    operation: Operation,
    kind: str = "ClusterInstallation",
    *,
    user: str = "gitops",
    old: Any = None,
    new: Any = None,
) -> Edit:
    return Edit(operation, kind, "acme", "chat", user, old, new)


def change(**spec: Any) -> Edit:
    """An update of a frozen ClusterInstallation that changes these fields of its spec."""
    old = installation(**FREEZE)
    return edit(UPDATE, old=old, new={**old, "spec": {**old["spec"], **spec}})


def relabel(key: str, value: str | None, *, section: str = "annotations") -> Edit:
    old = installation(**FREEZE)
    new = copy.deepcopy(old)
    new["metadata"].setdefault(section, {})[key] = value
    return edit(UPDATE, old=old, new=new)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(change(), id="an identical re-apply"),
        pytest.param(
            change(resources={"limits": {"cpu": "2000m"}}), id="the same quantity spelled otherwise"
        ),
        pytest.param(change(useIngressTLS=False), id="a zero value that was absent"),
        pytest.param(relabel("team", "b", section="labels"), id="a label of the user's"),
        pytest.param(relabel("argocd.argoproj.io/tracking-id", "x"), id="an annotation of GitOps"),
        pytest.param(relabel("x", "y", section="finalizers"), id="finalizers"),
        pytest.param(
            edit(DELETE, user="system:serviceaccount:kube-system:namespace-controller"),
            id="the namespace is going",
        ),
        pytest.param(
            edit(DELETE, user="system:serviceaccount:kube-system:generic-garbage-collector"),
            id="garbage collection",
        ),
        pytest.param(edit(DELETE, old=installation(), user=CONTROLLER), id="our controller"),
    ],
)
def test_harmless_writes_pass_during_the_lock(write: Edit) -> None:
    assert judge(write, migration(), exempt=EXEMPT) is None


@pytest.mark.parametrize(
    ("write", "field"),
    [
        pytest.param(change(version="10.9.0"), "spec.version", id="another version"),
        pytest.param(change(migrate=False), "spec.migrate", id="migrate taken away"),
        pytest.param(change(canary={}), "spec.canary", id="the second lock taken away"),
        pytest.param(edit(DELETE, old=installation()), "", id="deletion"),
        pytest.param(
            relabel("migration.mattermost.com/original", "x"),
            "metadata.annotations[migration.mattermost.com/original]",
            id="what the way back needs",
        ),
        pytest.param(
            edit(UPDATE, old={}, new={"spec": {"size": "a"}}), "spec.size", id="no spec before"
        ),
    ],
)
@pytest.mark.parametrize("lock", ["frozen", "handover", "of-a-later-version"])
def test_unsafe_writes_are_refused_during_the_lock(write: Edit, field: str, lock: str) -> None:
    refusal = judge(write, migration(lock), exempt=EXEMPT)

    assert refusal is not None
    assert refusal.field == field


def test_a_refusal_says_who_since_when_why_and_what_to_run() -> None:
    refusal = judge(change(migrate=False), migration(), exempt=EXEMPT)

    assert refusal == Refusal(
        "spec.migrate",
        "locked by InstallationMigration acme/chat (fleet nightly) since 2026-11-21T04:00:00Z, "
        "now at PodsLabelled; ClusterInstallation acme/chat cannot be changed until it is done, "
        "because the operator would wake up and write in the middle of the exchange. "
        "To follow it, run: helm mattermost-migrate status chat -n acme; "
        "to go back, run: helm mattermost-migrate revert chat -n acme",
    )


@pytest.mark.parametrize(
    ("lock", "passes"), [("frozen", False), ("handover", True), ("of-a-later-version", False)]
)
def test_the_operator_writes_from_the_hand_over_on(lock: str, *, passes: bool) -> None:
    write = edit(UPDATE, "Mattermost", user=OPERATOR, old={"spec": {}}, new={"spec": {"size": "x"}})

    assert (judge(write, migration(lock), exempt=EXEMPT) is None) is passes


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(None, id="no migration"),
        pytest.param(migration(None), id="one that has not begun"),
        pytest.param(finished(), id="one that is done"),
    ],
)
@pytest.mark.parametrize("write", [change(version="10.9.0"), edit(DELETE, old=installation())])
def test_without_a_lock_edits_and_deletions_pass(known: Any, write: Edit) -> None:
    assert judge(write, known, exempt=EXEMPT) is None


CI, MM = "ClusterInstallation", "Mattermost"


@pytest.mark.parametrize(
    ("kind", "known", "passes"),
    [
        pytest.param(CI, None, True, id="no migration: any kind"),
        pytest.param(CI, migration(), False, id="the old kind during the lock"),
        pytest.param(CI, finished(), False, id="the old kind after success"),
        pytest.param(MM, finished(), True, id="the new kind after success"),
        pytest.param(MM, migration(None), False, id="the new kind before its time"),
        pytest.param(MM, migration(), False, id="the new kind during the lock"),
        pytest.param(MM, finished(observed=0), False, id="success of an older generation"),
        pytest.param(MM, finished(CI), False, id="the new kind after a revert"),
        pytest.param(CI, finished(CI), True, id="the old kind after a revert"),
    ],
)
def test_only_the_kind_that_owns_the_installation_is_created(
    kind: str, known: Any, *, passes: bool
) -> None:
    write = edit(CREATE, kind, new=installation())

    assert (judge(write, known, exempt=EXEMPT) is None) is passes


def test_a_refused_creation_names_the_edit_to_make_in_git() -> None:
    refusal = judge(edit(CREATE, CI, new=installation()), finished(), exempt=EXEMPT)

    assert refusal is not None
    assert "replace the ClusterInstallation in your git repository by a Mattermost" in (
        refusal.message
    )
    assert "helm mattermost-migrate revert chat -n acme" in refusal.message


ROLLED_BACK = {"conditions": [{"type": "Succeeded", "status": "False"}]}


@pytest.mark.parametrize(
    ("known", "deletes"),
    [
        pytest.param(migration(None, status={}), True, id="not begun"),
        pytest.param(migration(None, status=ROLLED_BACK), True, id="given up"),
        pytest.param(migration(), False, id="under way"),
        pytest.param(finished(), False, id="through"),
        pytest.param(finished(observed=0), False, id="through, and edited since"),
    ],
)
def test_who_has_lost_the_old_kind_is_told_how_to_have_it_again(
    known: Any, *, deletes: bool
) -> None:
    refusal = judge(edit(CREATE, CI, new=installation()), known, exempt=EXEMPT)

    assert refusal is not None
    assert ("kubectl -n acme delete installationmigration chat" in refusal.message) is deletes
    assert ("helm mattermost-migrate revert chat -n acme" in refusal.message) is not deletes


IMIG = "InstallationMigration"


@pytest.mark.parametrize(
    ("write", "field"),
    [
        pytest.param(edit(DELETE, IMIG, old=migration()), "", id="deleting one that holds a lock"),
        pytest.param(edit(DELETE, IMIG, old=finished()), None, id="deleting a finished one"),
        pytest.param(
            edit(UPDATE, IMIG, old=migration(), new=migration(None)),
            "metadata.labels[migration.mattermost.com/lock]",
            id="clearing the mark",
        ),
        pytest.param(
            edit(CREATE, IMIG, new=migration()),
            "metadata.labels[migration.mattermost.com/lock]",
            id="creating it with the mark",
        ),
        pytest.param(
            edit(UPDATE, IMIG, old=migration(), new=migration(spec={"desiredKind": CI})),
            None,
            id="turning round in flight",
        ),
        pytest.param(edit(CREATE, IMIG, new=migration(None)), None, id="creating one"),
        pytest.param(
            edit(UPDATE, IMIG, old=migration(None), new=migration(), user=CONTROLLER),
            None,
            id="the controller sets the mark",
        ),
    ],
)
def test_the_lock_mark_is_the_controller_s_alone(write: Edit, field: str | None) -> None:
    refusal = judge(write, write.old, exempt=EXEMPT)

    assert (refusal.field if refusal else None) == field


@pytest.mark.parametrize(
    ("write", "passes"),
    [
        pytest.param(change(migrate=False), False, id="waking a frozen one"),
        pytest.param(edit(DELETE, old=installation(**FREEZE)), False, id="deleting a frozen one"),
        pytest.param(change(), True, id="re-applying a frozen one"),
        pytest.param(edit(DELETE, old=installation()), True, id="deleting one that is not frozen"),
        pytest.param(edit(CREATE, new=installation()), True, id="creating"),
        pytest.param(
            edit(
                UPDATE,
                MM,
                old={"spec": {"ingress": {"enabled": True, "host": ""}}},
                new={"spec": {"ingress": {"enabled": True, "host": "chat.example.com"}}},
            ),
            False,
            id="waking a frozen Mattermost",
        ),
    ],
)
def test_with_nothing_known_only_what_is_unsafe_for_sure_is_refused(
    write: Edit, *, passes: bool
) -> None:
    assert (judge(write, Unknown("time-out"), exempt=EXEMPT) is None) is passes


@pytest.mark.parametrize(
    ("value", "held"),
    [(None, None), ("frozen", Lock.FROZEN), ("handover", Lock.HANDOVER), ("of-later", Lock.FROZEN)],
)
def test_the_engine_and_the_webhook_read_the_same_lock(
    value: str | None, held: Lock | None
) -> None:
    assert lock_of(migration(value)) is held
    assert Snapshot(migration=migration(value), target_kind="Mattermost").lock is held
