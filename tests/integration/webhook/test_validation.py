from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.testing.cluster import MERGE, ApiError, Client, LocalCluster
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook

pytestmark = pytest.mark.usefixtures("webhook")


def test_a_faulty_installation_is_refused_with_all_its_faults(
    admin: Client, namespace: str
) -> None:
    spec = {"ingressName": "", "version": "no tag", "imagePullPolicy": "Sometimes"}

    with pytest.raises(ApiError) as refused:
        admin.create(CLUSTER_INSTALLATION, namespace, {"metadata": {"name": "chat"}, "spec": spec})

    assert refused.value.status == 422
    for field in ("spec.ingressName", "spec.version", "spec.imagePullPolicy"):
        assert f"{field}: " in str(refused.value)


def test_a_good_one_of_either_kind_passes(admin: Client, namespace: str) -> None:
    admin.create(
        CLUSTER_INSTALLATION,
        namespace,
        {"metadata": {"name": "old"}, "spec": {"ingressName": "old.example.com"}},
    )
    host = {"enabled": True, "host": "new.example.com"}
    admin.create(MATTERMOST, namespace, {"metadata": {"name": "new"}, "spec": {"ingress": host}})


def test_a_dry_run_is_judged_like_the_real_thing(admin: Client, namespace: str) -> None:
    with pytest.raises(ApiError, match=r"spec\.ingressName: ingress\.host required"):
        admin.create(
            MATTERMOST, namespace, {"metadata": {"name": "chat"}, "spec": {}}, dry_run=True
        )


def test_the_webhook_is_served_as_the_service_account(webhook: RunningWebhook) -> None:
    assert "Stopped watching" not in webhook.process.tail(200)


def test_what_looks_frozen_and_is_not_locked_is_asked_about_live(
    admin: Client, namespace: str, local_cluster: LocalCluster
) -> None:
    """Memory may be a moment old: it could be a migration of this instant that froze it."""
    ingress = {"enabled": True, "host": "chat.example.com"}
    admin.create(
        MATTERMOST, namespace, {"metadata": {"name": "chat"}, "spec": {"ingress": ingress}}
    )
    controller = Client(local_cluster.service_account(NAMESPACE, "mattermost-migrate-controller"))
    controller.patch(MATTERMOST, namespace, "chat", {"spec": {"ingress": {"host": ""}}})

    admin.patch(MATTERMOST, namespace, "chat", {"spec": {"ingress": ingress}})

    path = INSTALLATION_MIGRATION.path(namespace, "chat")
    assert any(
        event["verb"] == "get" and event["requestURI"].startswith(path)
        for event in local_cluster.audit()
        if event["user"].get("username", "").endswith(":mattermost-migrate-webhook")
    )


def test_what_is_legal_and_will_hurt_is_warned_of_in_120_characters(
    admin: Client, namespace: str
) -> None:
    key = ".".join(["a" * 60] * 3) + "/snippet"
    spec = {
        "ingressName": "chat.example.com",
        "version": "latest",
        "ingressAnnotations": {key: "true"},
        "minio": {"externalURL": "s3.example.com", "externalBucket": "chat"},
    }
    body = {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": {"name": "chat"},
        "spec": spec,
    }

    said = admin.warnings("POST", CLUSTER_INSTALLATION.path(namespace), body)

    told = dict(each.split(": ", 1) for each in said)
    assert told["spec.version"].startswith("a moving tag")
    assert "plain HTTP" in told["spec.minio.externalURL"]
    (cut,) = (path for path in told if path.startswith("spec.ingressAnnotations[aaa"))
    assert cut.endswith("…")
    assert max(map(len, said)) <= 120


def test_one_that_was_stored_before_a_rule_is_edited_around_its_fault(
    admin: Client, namespace: str, webhook: RunningWebhook
) -> None:
    faulty = {"ingressName": "chat.example.com", "version": "no tag", "replicas": 1}
    webhook.process.kill()
    try:
        admin.create(
            CLUSTER_INSTALLATION, namespace, {"metadata": {"name": "chat"}, "spec": faulty}
        )
    finally:
        webhook.process.start()
        webhook.until_ready()

    path = CLUSTER_INSTALLATION.path(namespace, "chat")
    edit = {"spec": {"replicas": 2}}
    (said,) = admin.warnings("PATCH", path, edit, content_type=MERGE)
    assert said.startswith("spec.version: 'no tag': must be a tag")
    with pytest.raises(ApiError, match=r"spec\.version: 'nor this': must be a tag"):
        admin.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"version": "nor this"}})
    with pytest.raises(ApiError, match=r"spec\.ingressName: ") as refused:
        admin.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"ingressName": "No Host"}})
    assert "spec.version" not in str(refused.value)
    admin.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"version": "10.9.0"}})
    with pytest.raises(ApiError):
        admin.patch(CLUSTER_INSTALLATION, namespace, "chat", {"spec": {"version": "no tag"}})
