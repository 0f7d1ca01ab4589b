"""Install, upgrade, roll back, uninstall, install again: with migrations in every state.

The processes are the pods that the chart renders, run as a kubelet would, from the image, each with
its ServiceAccount's token and nothing else. The cluster is their own.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from cryptography import x509

from deploy.reference import metrics
from deploy.reference.dashboard import queries
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CRD,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    LEASE,
    LOCK_LABEL,
    MATTERMOST,
    SECRET,
    SERVICE,
    Resource,
)
from mattermost_migrate.domain.objects import labels_of
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import ApiError, Cluster, LocalCluster, Options
from mattermost_migrate.testing.image import Image
from mattermost_migrate.testing.installations import Installations, condition, succeeded
from mattermost_migrate.testing.policies import BINDING, until_accepted
from mattermost_migrate.testing.release import CHART, HOME, Release
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.witness import Witness

ROOT = Path(__file__).parents[3]
PREVIOUS = ROOT / "tests" / "data" / "charts" / "mattermost-migrate-0.1.0.tgz"
OUR_CRDS = sorted((ROOT / "deploy" / "crds").glob("migration.*.yaml"))
CONFIGURATIONS = [
    Resource("admissionregistration.k8s.io", "v1", kind, f"{kind.lower()}s", namespaced=False)
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
]
PREVIEW = Resource(
    "mattermost.com", "v1beta1-preview", "ClusterInstallation", "clusterinstallations"
)


@pytest.fixture
def home(tools: Toolbox) -> Iterator[LocalCluster]:
    """With the operator's kinds only: ours come with the chart."""
    operator = ROOT / "deploy" / "crds" / "operator"
    with LocalCluster(tools, Options(crds=(operator,))) as running:
        yield running


@pytest.fixture
def release(
    request: pytest.FixtureRequest, home: LocalCluster, image: Image, tools: Toolbox
) -> Iterator[Release]:
    made = Release(home, image, tools[request.param])
    yield made
    made.stop()
    if "mm" in made.run_helm("list", "--namespace", HOME, "--short"):
        made.run_helm("uninstall", "mm", "--namespace", HOME)


@contextmanager
def watched(home: LocalCluster) -> Iterator[Installations]:
    """A namespace for installations, once our kinds are there."""
    with home.namespace() as namespace, Witness(home.admin) as witness:
        for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
            home.admin.create(SECRET, namespace, secret)
        yield Installations(home.admin, witness, namespace)


def start(release: Release) -> None:
    release.start("controller")
    release.start("webhook")
    until_called(release)


def until_called(release: Release) -> None:
    """Wait until the API server asks the webhook, as the refusal of a mistake shows."""
    wrong = {"metadata": {"name": "probe"}, "spec": {"ingressName": "not a host"}}
    ends = time.monotonic() + 60
    while True:
        try:
            release.cluster.admin.create(CLUSTER_INSTALLATION, "default", wrong, dry_run=True)
        except ApiError as problem:
            if "denied the request" in str(problem):
                return
            raise
        for process in release.processes.values():
            process.check()
        assert time.monotonic() < ends, release.processes["webhook"].tail()
        time.sleep(0.1)


def begun(installations: Installations, release: Release, name: str) -> None:
    """Begin a migration, and kill every process of ours in the middle of it."""
    installations.ask(name)
    installations.until(INSTALLATION_MIGRATION, name, lambda imig: LOCK_LABEL in labels_of(imig))
    release.kill()
    # A dead leader's Lease runs out in its own time; tests of the Lease wait for that.
    installations.admin.delete(LEASE, HOME, "mattermost-migrate-controller")


def left_alone(installations: Installations, resource: Resource, name: str) -> None:
    """An installation that anybody may read, edit and delete, with nothing of ours in its way."""
    admin, namespace = installations.admin, installations.namespace
    found = admin.get(resource, namespace, name)
    path = resource.path(namespace, name)
    dry = {"dryRun": "All"}

    assert not found["metadata"].get("finalizers")
    merge = "application/merge-patch+json"
    admin.request("PATCH", path, {"spec": {"replicas": 1}}, params=dry, content_type=merge)
    admin.request("DELETE", path, params=dry)


def nothing_in_the_way(cluster: Cluster) -> None:
    for resource in (*CONFIGURATIONS, BINDING):
        assert cluster.admin.list(resource) == []
    for resource in (INSTALLATION_MIGRATION, FLEET_MIGRATION):
        assert cluster.admin.find(CRD, None, f"{resource.plural}.{resource.group}")
    conversion = cluster.admin.get(CRD, None, "clusterinstallations.mattermost.com")["spec"]
    assert conversion["conversion"]["strategy"] == "None"


def until_unlocked(installations: Installations, resource: Resource, name: str) -> None:
    """The API server forgets policies a moment after they are deleted."""
    until_accepted(lambda: left_alone(installations, resource, name), seconds=30)


@pytest.mark.parametrize("release", ["helm3"], indirect=True)
def test_uninstalled_in_the_middle_it_leaves_all_alone_and_installed_again_it_goes_on(
    release: Release, home: LocalCluster
) -> None:
    release.apply()
    start(release)
    with watched(home) as installations:
        installations.create("done", "half")
        before = installations.workload()
        installations.move("done")
        logs_say_what_they_are_about(
            release.processes["controller"].log, f"{installations.namespace}/done"
        )
        asks_only_for_what_there_is(told_by_controller(release) + told_by_webhook(release))
        begun(installations, release, "half")

        release.run_helm("uninstall", "mm", "--namespace", HOME)

        nothing_in_the_way(home)
        until_unlocked(installations, MATTERMOST, "done")
        for resource in (CLUSTER_INSTALLATION, MATTERMOST):
            if installations.find(resource, "half"):
                until_unlocked(installations, resource, "half")

        release.apply()
        start(release)
        over = installations.until_ended("half")

        assert succeeded(over), condition(over, "Succeeded")
        assert installations.workload() == before
        installations.move("done", "half", kind=CLUSTER_INSTALLATION.kind)
        assert installations.workload() == before


@pytest.mark.parametrize("release", ["helm4"], indirect=True)
def test_an_upgrade_and_a_rollback_with_migrations_in_flight(
    release: Release, home: LocalCluster
) -> None:
    release.apply(PREVIOUS, {"controller": {"operator": "builtin"}})
    home.install_crds(*OUR_CRDS)  # as the notes of the chart say
    release.apply()
    start(release)
    with watched(home) as installations:
        installations.create("upgraded", "back")
        before = installations.workload()
        begun(installations, release, "upgraded")

        release.run_helm("rollback", "mm", "1", "--namespace", HOME)

        assert installations.get(INSTALLATION_MIGRATION, "upgraded")
        release.apply()
        start(release)
        over = installations.until_ended("upgraded")
        assert succeeded(over), condition(over, "Succeeded")
        assert installations.workload() == before
        installations.move("back")
        assert installations.workload() == before


@pytest.mark.parametrize("release", ["helm3"], indirect=True)
def test_the_preview_version_comes_with_the_chart_and_leaves_with_it(
    release: Release, home: LocalCluster
) -> None:
    """Uninstalled while every process of ours is dead, and objects were written through it."""
    release.apply(values={**release.values(), "conversion": {"enabled": True}})
    start(release)
    release.run_job("enable")
    reach_conversion(home)
    until_named(home, f"mattermost-migrate-conversion.{HOME}.svc")
    release.start("conversion")
    with watched(home) as installations:
        installations.create("chat")
        admin, namespace = installations.admin, installations.namespace
        until_accepted(lambda: admin.get(PREVIEW, namespace, "chat"), seconds=60)
        admin.patch(PREVIEW, namespace, "chat", {"spec": {"replicas": 3}})
        installations.until(CLUSTER_INSTALLATION, "chat", lambda ci: ci["spec"]["replicas"] == 3)
        release.kill()

        release.run_job("disable")
        release.run_helm("uninstall", "mm", "--namespace", HOME)

        nothing_in_the_way(home)
        until_unlocked(installations, CLUSTER_INSTALLATION, "chat")
        stored = installations.get(CLUSTER_INSTALLATION, "chat")
        assert stored["apiVersion"] == CLUSTER_INSTALLATION.api_version
        with pytest.raises(ApiError, match="404"):
            admin.get(PREVIEW, namespace, "chat")


def reach_conversion(home: LocalCluster) -> None:
    """Nothing leads from a ClusterIP to this machine: the Service is made an alias of it."""
    alias = {"type": "ExternalName", "externalName": "localhost", "clusterIP": None}
    home.admin.patch(SERVICE, HOME, "mattermost-migrate-conversion", {"spec": alias})
    port = {"clientConfig": {"service": {"port": 9444}}}
    body = {"spec": {"conversion": {"webhook": port}}}
    home.admin.patch(CRD, None, "clusterinstallations.mattermost.com", body)


def until_named(home: LocalCluster, name: str) -> None:
    """Wait until the leader has issued a certificate that is for that name too."""

    def names_it(secret: dict[str, Any]) -> bool:
        certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return name in names.value.get_values_for_type(x509.DNSName)

    home.admin.until(SECRET, HOME, "mattermost-migrate-webhook-tls", names_it, seconds=90)


def asks_only_for_what_there_is(told: str) -> None:
    """Every metric and label of dashboard and alerts is one that the processes have."""
    known = {
        name + suffix
        for name in re.findall(r"^# TYPE (\S+)", told, re.MULTILINE)
        for suffix in ("", "_bucket", "_total")
    }
    # A label is exposed with its first value only; the page is made from the metrics themselves.
    labels = {"pod", "le", *re.findall(r"`(\w+)`", metrics.page())}
    for query in asked():
        for name in re.findall(r"mattermost_migrate_\w+", query):
            assert name in known, query
        for grouped in re.findall(r"by \(([^)]*)\)", query):
            assert set(grouped.split(", ")) <= labels, query


def logs_say_what_they_are_about(log: Path, installation: str) -> None:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    about = [line for line in lines if line.get("installation") == installation]

    assert {line["uid"] for line in about if "step" in line}
    assert all(line["level"] and line["time"] and line["logger"] for line in lines)


def told_by_controller(release: Release) -> str:
    return requests.get(f"http://127.0.0.1:{release.metrics_port}/metrics", timeout=30).text


def told_by_webhook(release: Release) -> str:
    """The certificate is for the Service; the port is this machine's."""
    authority = release.cluster.folder / "pods" / "webhook" / "tls" / "ca.crt"
    with requests.Session() as session:
        session.mount("https://", ServiceName())
        url = f"https://localhost:{release.webhook_port}/metrics"
        return session.get(url, verify=str(authority), timeout=30).text


class ServiceName(requests.adapters.HTTPAdapter):
    """Verifies the certificate for the Service's name."""

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        name = f"mattermost-migrate-webhook.{HOME}.svc"
        super().init_poolmanager(*args, **named, server_hostname=name, assert_hostname=name)


def asked() -> list[str]:
    alerts = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    return [*rules, *queries()]
