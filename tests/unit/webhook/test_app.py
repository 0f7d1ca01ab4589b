from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as some

from mattermost_migrate.domain.editlock import Exempt, Knowledge, Unknown
from webhook.app import create_app

CONTROLLER = "system:serviceaccount:mattermost-migrate:mattermost-migrate-controller"
LOCKED = {
    "metadata": {
        "name": "chat",
        "namespace": "acme",
        "labels": {"migration.mattermost.com/lock": "frozen"},
    },
    "spec": {"desiredKind": "Mattermost"},
}
FREEZE = {"migrate": True, "canary": {"enable": True, "deployment": {}}}


@dataclass
class Remembered:
    """InstallationMigrations as memory has them, and as the API server would."""

    memory: Knowledge = None
    server: Knowledge = None
    synced: bool = True
    asked: list[str] = field(default_factory=list)

    def known(self, namespace: str, name: str) -> Knowledge:
        self.asked.append(f"memory {namespace}/{name}")
        return self.memory

    def live(self, namespace: str, name: str) -> Knowledge:
        self.asked.append(f"server {namespace}/{name}")
        return self.server


def client(migrations: Remembered | None = None, **options: Any) -> FlaskClient:
    exempt = Exempt(frozenset({CONTROLLER}))
    return create_app(migrations or Remembered(), exempt=exempt, **options).test_client()


def review(operation: str = "UPDATE", *, user: str = "gitops", **objects: Any) -> dict[str, Any]:
    request = {
        "uid": "u-1",
        "kind": {"kind": "ClusterInstallation"},
        "operation": operation,
        "namespace": "acme",
        "name": "chat",
        "userInfo": {"username": user},
        **objects,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def installation(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "chat", "namespace": "acme"},
        "spec": {"ingressName": "chat.example.com", **spec},
    }


def ask(app: FlaskClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = app.post("/validate/clusterinstallation", json=body)
    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["apiVersion"], answer.json["kind"]) == (
        "admission.k8s.io/v1",
        "AdmissionReview",
    )
    response: dict[str, Any] = answer.json["response"]
    assert response["uid"] == "u-1"
    return response


EDIT = review(oldObject=installation(), object=installation(version="10.9.0"))


def test_a_locked_edit_is_refused_as_forbidden() -> None:
    """Not as a conflict, after which clients would repeat it."""
    response = ask(client(Remembered(LOCKED)), EDIT)

    assert response["allowed"] is False
    assert (response["status"]["code"], response["status"]["reason"]) == (403, "Forbidden")
    assert response["status"]["details"]["causes"][0]["field"] == "spec.version"
    assert "locked by InstallationMigration acme/chat" in response["status"]["message"]


def test_a_faulty_object_is_refused_as_invalid_with_its_causes() -> None:
    body = review("CREATE", object=installation(ingressName="", version="a b"))
    response = ask(client(), body)

    assert (response["status"]["code"], response["status"]["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in response["status"]["details"]["causes"]] == [
        "spec.ingressName",
        "spec.version",
    ]


def test_warnings_come_with_an_answer_that_allows() -> None:
    response = ask(client(), review("CREATE", object=installation(size="huge")))

    assert response["allowed"] is True
    assert response["warnings"] == [
        "spec.size: unknown to the operator, which takes 5000users instead"
    ]


def test_the_controller_is_never_refused_and_never_waited_for() -> None:
    migrations = Remembered(LOCKED)
    body = review("DELETE", user=CONTROLLER, oldObject=installation())

    assert ask(client(migrations), body)["allowed"] is True
    assert migrations.asked == []


@pytest.mark.parametrize(
    ("memory", "server", "allowed"),
    [
        pytest.param(None, LOCKED, False, id="memory lags behind"),
        pytest.param(None, None, True, id="a freeze that is nobody's"),
        pytest.param(None, Unknown("time-out"), False, id="the server does not say"),
    ],
)
def test_what_looks_frozen_and_has_no_lock_in_memory_is_asked_live(
    memory: Knowledge, server: Knowledge, *, allowed: bool
) -> None:
    migrations = Remembered(memory, server)
    body = review(
        oldObject=installation(**FREEZE),
        object=installation(**FREEZE, version="10.9.0") | {"metadata": {"name": "chat"}},
    )
    response = ask(client(migrations), body)

    locked = response["allowed"] is False and response["status"]["code"] == 403
    assert locked is not allowed
    assert migrations.asked == ["memory acme/chat", "server acme/chat"]


def test_not_to_know_is_said() -> None:
    response = ask(client(Remembered(Unknown("time-out"))), EDIT)

    assert response["allowed"] is True
    assert response["warnings"] == [
        "mattermost-migrate could not check whether a migration of this is running"
    ]


def test_a_review_that_trips_the_rules_is_left_to_the_failure_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trip(*_: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("webhook.admission.validate", trip)

    answer = client().post("/validate/clusterinstallation", json=EDIT)

    assert answer.status_code == 422
    assert answer.json == {
        "error": "Unprocessable",
        "message": "this review could not be judged: KeyError",
    }


def test_ready_means_that_every_probe_says_so() -> None:
    assert client().get("/readyz").status_code == 200
    assert client(Remembered(synced=False)).get("/readyz").json == {
        "status": "not ready",
        "problems": {
            "migrations": "InstallationMigrations are not listed yet, or not watched any more"
        },
    }
    answer = client(probes={"handshake": lambda: "expired"}).get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["problems"] == {"handshake": "expired"}


def test_reviews_are_counted_by_what_came_of_them() -> None:
    app = client(Remembered(LOCKED))
    ask(app, EDIT)

    assert (
        'mattermost_migrate_webhook_reviews_total{kind="ClusterInstallation",'
        'operation="UPDATE",outcome="locked"}'
    ) in app.get("/metrics").text


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=6),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                ["metadata", "labels", "annotations", "spec", "status", "name", "kind", "username"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(
    changes=some.dictionaries(
        some.sampled_from(
            ["uid", "kind", "operation", "namespace", "name", "userInfo", "object", "oldObject"]
        ),
        JSON,
        max_size=4,
    )
)
def test_no_review_whatever_makes_the_server_fail(changes: dict[str, Any]) -> None:
    body = review(oldObject=installation(), object=installation())
    body["request"].update(changes)

    answer = client(Remembered(LOCKED)).post("/validate/clusterinstallation", json=body)

    assert answer.status_code in {200, 400}


@settings(max_examples=50, deadline=None)
@given(body=some.binary(max_size=64) | some.builds(json.dumps, JSON).map(str.encode))
def test_no_body_whatever_makes_the_server_fail(body: bytes) -> None:
    answer = client().post(
        "/validate/clusterinstallation", data=body, content_type="application/json"
    )

    assert answer.status_code == 400
