"""The replay of audit logs finds a right that is missing, and one too many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.rights import Right, missing, rights, unused
from mattermost_migrate.testing.cluster.asked import FOLDER, Asked, keep, read

CONTROLLER = "mattermost-migrate-controller"


def role(kind: str, *verbs: str, names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    where = {"namespace": "mattermost-migrate"} if kind == "Role" else {}
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": list(verbs)}
    if names:
        rule["resourceNames"] = list(names)
    return [
        {"kind": kind, "metadata": {"name": "r", **where}, "rules": [rule]},
        {
            "kind": f"{kind}Binding",
            "metadata": {"name": "b", **where},
            "roleRef": {"kind": kind, "name": "r"},
            "subjects": [{"name": CONTROLLER}],
        },
    ]


def asked(verb: str, namespace: str = "any", name: str = "") -> Asked:
    return Asked(CONTROLLER, "", "secrets", verb, namespace, name)


def test_a_request_that_no_rule_allows_is_missing() -> None:
    held = list(rights(role("ClusterRole", "get")))

    assert missing(held, [asked("get"), asked("list")]) == [asked("list")]


def test_a_verb_that_nobody_asked_is_unused() -> None:
    held = list(rights(role("ClusterRole", "get", "delete")))

    assert [right.verb for right in unused(held, [asked("get")])] == ["delete"]


def test_a_role_holds_in_its_namespace_alone_and_for_its_names_alone() -> None:
    (right,) = rights(role("Role", "get", names=("ca",)))

    assert right.allows(asked("get", "mattermost-migrate", "ca"))
    assert not right.allows(asked("get", "mattermost-migrate", "other"))
    assert not right.allows(asked("get", "any"))


def test_what_an_admission_plugin_asks_is_never_seen_and_not_unused() -> None:
    right = Right(
        CONTROLLER, "mattermost.com", "clusterinstallations/finalizers", "update", "", frozenset()
    )

    assert unused([right], []) == []


def event(user: str, agent: str = "python", **target: str) -> dict[str, Any]:
    return {"user": {"username": user}, "verb": "get", "userAgent": agent, "objectRef": target}


def test_only_what_our_accounts_asked_by_themselves_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    ours = f"system:serviceaccount:mattermost-migrate:{CONTROLLER}"
    secret = {"resource": "secrets", "namespace": "acme", "name": "db"}
    events = [
        event(ours, **secret),
        event(ours, **{**secret, "namespace": "beta"}),
        event(ours, "mattermost-migrate-testing", **secret),
        event("admin", **secret),
        event(ours, resource="pods", subresource="status", namespace="acme"),
        {**event(ours), "objectRef": None},
        {**event(ours, **secret), "user": {}},  # turned away before it was known whose it was
    ]

    keep(lambda: events)

    assert sorted(map(str, read(tmp_path))) == [
        f"{CONTROLLER}: get pods/status any (1 times)",
        f"{CONTROLLER}: get secrets any (2 times)",
    ]
