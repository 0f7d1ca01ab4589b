from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.testing.cluster import ApiError, Client, LocalCluster
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
