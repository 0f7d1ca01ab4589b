"""Certificates in Secrets of a real API server, written by the ServiceAccount that may."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from certs.authority import Pair
from certs.injection import VALIDATING, bundles_in
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, SECRET
from mattermost_migrate.testing.cluster import ApiError, Client, Cluster
from mattermost_migrate.testing.webhook import NAMESPACE, RunningWebhook

CA, LEAF = "mattermost-migrate-ca", "mattermost-migrate-webhook-tls"
Certs = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def certs(cluster: Cluster, webhook: RunningWebhook, tmp_path: Path) -> Certs:
    """``mattermost-migrate-certs`` with the rights the chart gives it."""
    kubeconfig = cluster.service_account_kubeconfig(
        NAMESPACE, "mattermost-migrate-certs", tmp_path / "kubeconfig"
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "certs", *words],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        )

    return run


def stored(admin: Client, name: str) -> Pair:
    data = admin.get(SECRET, NAMESPACE, name)["data"]
    return Pair(base64.b64decode(data["tls.crt"]), base64.b64decode(data["tls.key"]))


def trusted(admin: Client) -> set[bytes]:
    configuration = admin.get(VALIDATING, None, "mattermost-migrate")
    return {
        base64.b64decode(held) for held in bundles_in({**configuration, "kind": VALIDATING.kind})
    }


def is_called(admin: Client, namespace: str) -> bool:
    """Whether the API server gets through to the webhook, whose failurePolicy is Ignore."""
    try:
        admin.create(
            CLUSTER_INSTALLATION,
            namespace,
            {"metadata": {"name": "chat"}, "spec": {"ingressName": ""}},
            dry_run=True,
        )
    except ApiError as error:
        return "admission webhook" in str(error)
    return False


def test_what_is_good_is_left_alone(certs: Certs, admin: Client) -> None:
    before = stored(admin, LEAF)

    done = certs("issue", "--dns-name", "localhost", "--inject")

    assert done.returncode == 0, done.stderr
    assert "nothing issued" in done.stdout
    assert "ValidatingWebhookConfiguration/mattermost-migrate: unchanged" in done.stdout
    assert stored(admin, LEAF) == before


def test_a_deleted_leaf_is_issued_by_the_same_authority_and_served_at_once(
    certs: Certs, admin: Client, webhook: RunningWebhook, namespace: str
) -> None:
    signer = stored(admin, CA)
    admin.delete(SECRET, NAMESPACE, LEAF)

    done = certs("issue", "--dns-name", "localhost")
    assert "Serving certificate is missing: issued" in done.stdout, done.stderr
    done = certs("export", "--directory", str(webhook.certificates.parent))

    assert done.returncode == 0, done.stderr
    assert stored(admin, LEAF).signed_by(signer)
    assert (webhook.certificates / "tls.crt").read_bytes() == stored(admin, LEAF).certificate
    assert is_called(admin, namespace)


def test_an_overwritten_bundle_is_found_and_repaired(
    certs: Certs, admin: Client, namespace: str
) -> None:
    path = VALIDATING.path(None, "mattermost-migrate")
    wrong = base64.b64encode(stored(admin, LEAF).certificate).decode()
    admin.request(
        "PATCH",
        path,
        [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": wrong}],
        content_type="application/json-patch+json",
    )

    told = certs("status")
    assert told.returncode == 1
    assert "does not trust the CA: run inject" in told.stdout
    assert certs("inject").returncode == 0
    assert trusted(admin) == {stored(admin, CA).certificate}
    assert certs("status").returncode == 0
    assert is_called(admin, namespace)


def test_a_lost_authority_is_made_anew_with_everything_that_hangs_on_it(
    certs: Certs, admin: Client, webhook: RunningWebhook, namespace: str
) -> None:
    before = stored(admin, CA)
    admin.delete(SECRET, NAMESPACE, CA)

    done = certs("issue", "--dns-name", "localhost", "--inject")
    certs("export", "--directory", str(webhook.certificates.parent))

    assert "CA is missing: issued" in done.stdout, done.stderr
    assert "Serving certificate is not signed by the current CA: issued" in done.stdout
    assert stored(admin, CA) != before
    assert trusted(admin) == {stored(admin, CA).certificate}
    assert is_called(admin, namespace)


def test_the_account_of_the_certificates_reads_no_other_secret(
    cluster: Cluster, webhook: RunningWebhook
) -> None:
    with Client(cluster.service_account(NAMESPACE, "mattermost-migrate-certs")) as account:
        assert account.get(SECRET, NAMESPACE, CA)
        for forbidden in (
            lambda: account.list(SECRET, NAMESPACE),
            lambda: account.get(SECRET, NAMESPACE, "other"),
            lambda: account.delete(SECRET, NAMESPACE, CA),
        ):
            with pytest.raises(ApiError, match="403"):
                forbidden()
