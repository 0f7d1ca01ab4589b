from __future__ import annotations

import json
from typing import Any

import jsonpatch
import pytest
from flask.testing import FlaskClient
from hypothesis import example, given, settings
from hypothesis import strategies as some

from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import INJECT_LABEL
from mattermost_migrate.testing.builders import cluster_installation
from webhook.app import create_conversion_app
from webhook.crd import is_on, retired, switched_off, switched_on

STORED, PREVIEW = "mattermost.com/v1alpha1", "mattermost.com/v1beta1-preview"


@pytest.fixture(scope="module")
def app() -> FlaskClient:
    return create_conversion_app().test_client()


def review(*objects: Any, desired: str = PREVIEW, **changes: Any) -> dict[str, Any]:
    request = {"uid": "u-1", "desiredAPIVersion": desired, "objects": list(objects), **changes}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}


def ask(app: FlaskClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = app.post("/convert", json=body)
    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["apiVersion"], answer.json["kind"]) == (
        "apiextensions.k8s.io/v1",
        "ConversionReview",
    )
    response: dict[str, Any] = answer.json["response"]
    assert response["uid"] == "u-1"
    return response


def test_objects_come_back_in_their_order_and_in_the_version_asked_for(app: FlaskClient) -> None:
    given = [cluster_installation(name) for name in ("b", "a", "c")]
    there = ask(app, review(*given))["convertedObjects"]

    assert [obj["metadata"]["name"] for obj in there] == ["b", "a", "c"]
    assert {obj["apiVersion"] for obj in there} == {PREVIEW}
    assert ask(app, review(*there, desired=STORED))["convertedObjects"] == given


def test_who_asks_for_versions_that_are_none_makes_no_metrics_grow(app: FlaskClient) -> None:
    def series() -> set[str]:
        shown = app.get("/metrics").text.splitlines()
        return {line.rpartition(" ")[0] for line in shown if "mattermost_migrate" in line}

    ask(app, review(desired="v0"))
    before = series()
    for number in range(1, 4):
        ask(app, review(desired=f"v{number}" * 100))

    assert series() == before
    assert any("other" in line for line in before)


def test_one_that_is_in_that_version_already_is_left_as_it_is(app: FlaskClient) -> None:
    given = cluster_installation("chat")

    assert ask(app, review(given, desired=STORED))["convertedObjects"] == [given]


@pytest.mark.parametrize(
    ("obj", "desired", "why"),
    [
        pytest.param(
            {**cluster_installation("chat"), "apiVersion": PREVIEW, "spec": {"replicas": "two"}},
            STORED,
            "ClusterInstallation ns/chat: spec.replicas: must be an integer",
            id="nobody could store it",
        ),
        pytest.param(
            cluster_installation("chat"), "mattermost.com/v2", "no way leads from", id="a version"
        ),
        pytest.param({"spec": {}}, PREVIEW, "without metadata", id="no metadata"),
        pytest.param(None, PREVIEW, "without metadata", id="no object"),
    ],
)
def test_a_failure_names_the_object_and_why(
    app: FlaskClient, obj: Any, desired: str, why: str
) -> None:
    response = ask(app, review(cluster_installation("other"), obj, desired=desired))

    assert response["result"]["status"] == "Failure"
    assert why in response["result"]["message"]
    assert response["convertedObjects"] == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b"[" * 100_000, "not JSON", id="deep"),
        pytest.param(b'{"apiVersion": NaN}', "not JSON", id="no number"),
        pytest.param(b"[]", "not a JSON object", id="a list"),
        pytest.param(b"{}", "apiVersion and kind", id="another kind"),
        pytest.param(json.dumps(review(uid="")).encode(), "request.uid", id="no uid"),
        pytest.param(json.dumps(review(objects=None)).encode(), "objects", id="no list"),
        pytest.param(
            json.dumps(review(desiredAPIVersion=1)).encode(), "desiredAPIVersion", id="no version"
        ),
    ],
)
def test_what_is_no_review_is_the_clients_fault(app: FlaskClient, body: bytes, why: str) -> None:
    answer = app.post("/convert", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json is not None
    assert why in answer.json["message"]


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                ["spec", "metadata", "annotations", "name", "apiVersion", "kind", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@example(objects=[{"metadata": {"annotations": True}}], version=STORED, desired=PREVIEW)
@example(objects=[{"metadata": {"annotations": {"a": 1}}}], version=PREVIEW, desired=STORED)
@given(
    objects=some.lists(JSON, max_size=3),
    version=some.sampled_from([STORED, PREVIEW, "x"]),
    desired=some.sampled_from([STORED, PREVIEW, "x"]),
)
@settings(max_examples=150, deadline=None)
def test_no_object_whatever_makes_the_server_fail(
    app: FlaskClient, objects: list[Any], version: str, desired: str
) -> None:
    versioned = [
        {**each, "apiVersion": version} if isinstance(each, dict) else each for each in objects
    ]

    answer = app.post("/convert", json=review(*versioned, desired=desired))

    assert answer.status_code == 200


def crd(**spec: Any) -> dict[str, Any]:
    schema = {
        "openAPIV3Schema": {
            "properties": {"spec": {"type": "object"}, "status": {"type": "object"}}
        }
    }
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": schema}
    metadata = {"name": "clusterinstallations.mattermost.com", "resourceVersion": "7"}
    return {"metadata": metadata, "spec": {"versions": [version], **spec}}


MATTERMOST = crd()
MATTERMOST["spec"]["versions"][0]["name"] = "v1beta1"
URL = {"url": "https://localhost:9444/convert"}
ASKED = "cert-manager.io/inject-ca-from"


def on(
    crd: dict[str, Any], *, config: dict[str, str] = URL, certificate: str | None = None
) -> list[dict[str, Any]]:
    return switched_on(crd, MATTERMOST, config, certificate=certificate)


def test_the_crd_gets_the_version_the_webhook_and_the_label() -> None:
    patch = on(crd())

    assert [(each["op"], each["path"]) for each in patch] == [
        ("test", "/metadata/resourceVersion"),
        ("add", "/spec/versions/-"),
        ("add", "/spec/conversion"),
        ("add", "/metadata/labels"),
    ]
    assert (patch[1]["value"]["storage"], patch[1]["value"]["served"]) == (False, True)


def test_a_bundle_that_is_there_is_kept() -> None:
    webhook = {"clientConfig": {**URL, "caBundle": "Zm9v"}, "conversionReviewVersions": ["v1"]}
    ours = crd(conversion={"strategy": "Webhook", "webhook": webhook})
    ours["metadata"]["labels"] = {INJECT_LABEL: "us"}

    assert "/spec/conversion" not in [each["path"] for each in on(ours)]
    after = jsonpatch.apply_patch(ours, on(ours, config={**URL, "caBundle": "YmFy"}))
    assert after["spec"]["conversion"]["webhook"]["clientConfig"] == {**URL, "caBundle": "YmFy"}


def test_cert_manager_is_asked_for_its_ca_as_long_as_it_is_its_own() -> None:
    by_it = jsonpatch.apply_patch(crd(), on(crd(), certificate="home/webhook"))
    by_another = jsonpatch.apply_patch(by_it, on(by_it))

    assert by_it["metadata"]["annotations"] == {ASKED: "home/webhook"}
    assert on(by_it, certificate="home/webhook") == []
    assert by_another["metadata"]["annotations"] == {}
    assert jsonpatch.apply_patch(by_it, switched_off(by_it))["metadata"]["annotations"] == {}


def test_what_others_ask_cert_manager_for_is_left_alone() -> None:
    theirs = crd()
    theirs["metadata"]["annotations"] = {ASKED: "their/certificate"}
    webhook = {"clientConfig": {"url": "https://other.example.com/v1"}}
    later = crd(conversion={"strategy": "Webhook", "webhook": webhook})
    later["metadata"] |= {"annotations": {ASKED: "theirs/now"}, "labels": {INJECT_LABEL: "us"}}

    for before, patch in ((theirs, on(theirs)), (later, switched_off(later))):
        after = jsonpatch.apply_patch(before, patch)
        assert after["metadata"]["annotations"] == before["metadata"]["annotations"]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"url": "https://other.example.com/v1"}, id="by a path of their own"),
        pytest.param({"url": "https://other.example.com/convert"}, id="by the usual path"),
        pytest.param(
            {"service": {"namespace": "x", "name": "y", "path": "/convert"}},
            id="by the usual path of a Service",
        ),
    ],
)
def test_where_somebody_else_converts_we_keep_out(config: dict[str, Any]) -> None:
    webhook = {"clientConfig": config}
    theirs = crd(conversion={"strategy": "Webhook", "webhook": webhook})

    with pytest.raises(RefusedError, match=r"spec\.conversion: another webhook converts it"):
        on(theirs)
    assert not is_on(theirs)
    assert (retired(theirs), switched_off(theirs)) == ([], [])


def test_what_an_operator_s_upgrade_left_of_ours_is_still_taken_out() -> None:
    """It knows nothing of our version, and leaves the conversion and the label."""
    left = crd(conversion={"strategy": "Webhook", "webhook": {"clientConfig": URL}})
    left["metadata"]["labels"] = {INJECT_LABEL: "us"}

    after = jsonpatch.apply_patch(left, switched_off(left))

    assert after["spec"]["conversion"] == {"strategy": "None"}
    assert after["metadata"]["labels"] == {}
    assert not is_on(after)


def test_without_the_mattermost_s_version_there_is_no_shape_to_show() -> None:
    with pytest.raises(RefusedError, match="has no version v1beta1"):
        switched_on(crd(), crd(), URL, certificate=None)
