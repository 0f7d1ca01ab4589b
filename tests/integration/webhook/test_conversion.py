"""The preview version through the real API server: reading, writing, and being switched off."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    CRD,
    INSTALLATION_MIGRATION,
    SERVICE,
    Resource,
)
from mattermost_migrate.domain.names import NAMESPACE as NAMESPACES
from mattermost_migrate.domain.objects import annotations_of, labels_of, owner_reference
from mattermost_migrate.testing.builders import cluster_installation
from mattermost_migrate.testing.cluster import APPLY, ApiError, Client, Cluster
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.webhook import (
    NAMESPACE,
    RunningWebhook,
    run_tool,
    start_conversion,
    switch_preview,
)

NAME = "clusterinstallations.mattermost.com"
PREVIEW = Resource(
    "mattermost.com", "v1beta1-preview", "ClusterInstallation", "clusterinstallations"
)
CALLS = re.compile(
    r'^apiserver_crd_conversion_webhook_duration_seconds_count\{crd_name="(\S+?)".* (\d+)$'
)


@pytest.fixture(scope="module")
def conversion(cluster: Cluster, webhook: RunningWebhook) -> Iterator[RunningWebhook]:
    """The preview version, served, while the module's tests run."""
    running = start_conversion(cluster, webhook)
    yield running
    switch_preview(cluster, "disable")
    running.process.stop()


@pytest.fixture
def on(cluster: Cluster, conversion: RunningWebhook, namespace: str) -> str:
    """A namespace with a ClusterInstallation that can be read both ways."""
    cluster.admin.create(CLUSTER_INSTALLATION, namespace, cluster_installation("chat", namespace))
    until(lambda: cluster.admin.find(PREVIEW, namespace, "chat") is not None)
    return namespace


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except ApiError:
            pass
        assert time.monotonic() < ends
        time.sleep(0.1)


def calls(admin: Client) -> int:
    """How often the API server has called a conversion webhook for ClusterInstallations."""
    found = map(CALLS.match, admin.text("/metrics").splitlines())
    return sum(int(each[2]) for each in found if each and each[1] == NAME)


def test_kubectl_shows_what_an_installation_would_become(
    cluster: Cluster, tools: Toolbox, on: str
) -> None:
    command = [str(tools["kubectl"]), "--kubeconfig", str(cluster.kubeconfig), "-n", on]
    command += ["get", "clusterinstallations.v1beta1-preview.mattermost.com", "chat", "-o", "yaml"]
    out = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603

    shown = yaml.safe_load(out.stdout)
    assert shown["apiVersion"] == PREVIEW.api_version
    assert shown["spec"]["database"] == {"external": {"secret": "db"}}
    assert shown["spec"]["fileStore"]["external"]["bucket"] == "bucket"


def test_an_edit_of_the_preview_changes_that_and_nothing_else(admin: Client, on: str) -> None:
    before = admin.get(CLUSTER_INSTALLATION, on, "chat")

    admin.patch(PREVIEW, on, "chat", {"spec": {"version": "10.9.0", "licenseSecret": "paid"}})

    after = admin.get(CLUSTER_INSTALLATION, on, "chat")
    wanted = {"version": "10.9.0", "mattermostLicenseSecret": "paid"}
    assert after["spec"] == {**before["spec"], **wanted}
    assert annotations_of(after) == annotations_of(before)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_the_controller_forgets_who_wrote_through_the_preview(
    cluster: Cluster, conversion: RunningWebhook, on: str
) -> None:
    """So that a GitOps tool's apply needs no process of ours: of before it led, and of after."""
    admin, name = cluster.admin, "mattermost-migrate-controller"

    def edit(version: str) -> None:
        admin.patch(PREVIEW, on, "chat", {"spec": {"version": version}})
        assert PREVIEW.api_version in _written_in(admin, on)

    edit("10.9.0")
    account = cluster.service_account_kubeconfig(NAMESPACE, name, cluster.folder / f"{name}.yaml")
    command = [
        sys.executable,
        "-m",
        "controller",
        "--operator=external",
        f"--namespace={NAMESPACE}",
    ]
    controller = cluster.run(name, command, KUBECONFIG=str(account))
    try:
        until(lambda: _written_in(admin, on) == {CLUSTER_INSTALLATION.api_version})
        controller.pause()
        edit("10.9.1")
        controller.resume()
        until(lambda: _written_in(admin, on) == {CLUSTER_INSTALLATION.api_version})
    finally:
        controller.stop()
    conversion.process.kill()
    try:
        assert _applied(admin, on, replicas=4)["spec"]["version"] == "10.9.1"
    finally:
        conversion.process.start()
        conversion.until_ready()


def _written_in(admin: Client, namespace: str) -> set[str]:
    """The versions in which fields of the ClusterInstallation were written."""
    found = admin.get(CLUSTER_INSTALLATION, namespace, "chat")
    return {each["apiVersion"] for each in found["metadata"]["managedFields"]}


def test_a_preview_that_is_put_back_unchanged_changes_nothing(admin: Client, on: str) -> None:
    before = admin.get(CLUSTER_INSTALLATION, on, "chat")

    admin.replace(PREVIEW, admin.get(PREVIEW, on, "chat"))

    assert admin.get(CLUSTER_INSTALLATION, on, "chat") == before


def test_one_can_be_created_by_its_preview(admin: Client, on: str) -> None:
    spec = {"ingressName": "new.example.com", "replicas": 3, "probes": {"livenessProbe": {}}}
    admin.create(PREVIEW, on, {"metadata": {"name": "new"}, "spec": spec})

    stored = admin.get(CLUSTER_INSTALLATION, on, "new")
    assert (stored["spec"]["ingressName"], stored["spec"]["replicas"]) == ("new.example.com", 3)
    assert admin.get(PREVIEW, on, "new")["spec"].items() >= spec.items()


@pytest.mark.parametrize(
    ("spec", "refusal"),
    [
        pytest.param(
            {"dnsPolicy": "Default"},
            r"422 .*spec\.dnsPolicy: a ClusterInstallation has no such field",
            id="no place for it",
        ),
        pytest.param(
            {"ingressName": ""}, r"422 .*spec\.ingressName: IngressName required", id="no host"
        ),
        pytest.param(
            {"replicas": "three"}, r"spec\.replicas: must be an integer", id="the wrong type"
        ),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_path(
    admin: Client, on: str, spec: dict[str, Any], refusal: str
) -> None:
    before = admin.get(CLUSTER_INSTALLATION, on, "chat")

    with pytest.raises(ApiError, match=refusal):
        admin.patch(PREVIEW, on, "chat", {"spec": spec})

    assert admin.get(CLUSTER_INSTALLATION, on, "chat") == before


def test_the_edit_lock_holds_for_the_preview_too(cluster: Cluster, admin: Client, on: str) -> None:
    locked = {"name": "chat", "labels": {"migration.mattermost.com/lock": "frozen"}}
    with Client(cluster.service_account(NAMESPACE, "mattermost-migrate-controller")) as controller:
        body = {"metadata": locked, "spec": {"desiredKind": "Mattermost"}}
        controller.create(INSTALLATION_MIGRATION, on, body)

    def refused() -> bool:
        try:
            admin.patch(PREVIEW, on, "chat", {"spec": {"version": f"10.{time.time_ns() % 99}.0"}})
        except ApiError as error:
            return error.status == 403 and "locked by" in str(error)
        return False

    until(refused)


def test_nobody_prefers_it_and_an_idle_cluster_never_calls(admin: Client, on: str) -> None:
    group = admin.request("GET", "/apis/mattermost.com")
    assert group["preferredVersion"]["version"] == "v1alpha1"
    _settle(admin)
    before = calls(admin)
    assert before > 0  # the fixture has read a preview

    time.sleep(5)  # the time that is measured
    for _ in range(20):
        admin.list(CLUSTER_INSTALLATION, on)
        admin.get(CLUSTER_INSTALLATION, on, "chat")

    assert calls(admin) == before


def _settle(admin: Client) -> None:
    """The API server's cache of previews follows each write, those of ending namespaces too."""
    until(lambda: not _leaving(admin), seconds=60)
    seen = -1
    while seen != (seen := calls(admin)):
        time.sleep(1)


def test_with_the_conversion_dead_all_else_goes_on(
    cluster: Cluster, conversion: RunningWebhook, on: str
) -> None:
    admin = cluster.admin
    owner = admin.get(CLUSTER_INSTALLATION, on, "chat")
    owned = {"metadata": {"name": "owned", "ownerReferences": [_owner(owner)]}}
    admin.create(SERVICE, on, {**owned, "spec": {"ports": [{"port": 80}]}})
    try:
        with cluster.namespace() as doomed:
            admin.create(CLUSTER_INSTALLATION, doomed, cluster_installation("chat", doomed))
            conversion.process.kill()
            admin.patch(CLUSTER_INSTALLATION, on, "chat", {"spec": {"replicas": 3}})
            admin.delete(CLUSTER_INSTALLATION, on, "chat")
            admin.until_gone(SERVICE, on, "owned")
        admin.until_gone(NAMESPACES, None, doomed)
    finally:
        conversion.process.start()
        conversion.until_ready()


def _leaving(admin: Client) -> bool:
    """Whether a ClusterInstallation is on its way out, with its namespace or alone."""
    ending = {each["metadata"]["name"] for each in admin.list(NAMESPACES) if _ends(each)}
    installations = admin.list(CLUSTER_INSTALLATION, None)
    return any(_ends(each) or each["metadata"]["namespace"] in ending for each in installations)


def _ends(obj: dict[str, Any]) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def _owner(owner: dict[str, Any]) -> dict[str, Any]:
    return owner_reference(owner, CLUSTER_INSTALLATION)


def test_it_is_switched_off_with_the_process_dead_and_leaves_nothing(
    cluster: Cluster, conversion: RunningWebhook, on: str
) -> None:
    admin = cluster.admin
    admin.patch(PREVIEW, on, "chat", {"spec": {"version": "10.9.0"}})  # now a manager of fields
    switch_preview(cluster, "enable", "--url", conversion.url)  # again
    conversion.process.stop()
    try:
        switch_preview(cluster, "disable")
        switch_preview(cluster, "disable")

        crd = admin.get(CRD, None, NAME)
        assert crd["spec"]["conversion"] == {"strategy": "None"}
        assert [version["name"] for version in crd["spec"]["versions"]] == ["v1alpha1"]
        assert crd["status"]["storedVersions"] == ["v1alpha1"]
        assert "migration.mattermost.com/inject-ca-bundle" not in labels_of(crd)
        until(lambda: _gone(admin, on))
        applied = _applied(admin, on, replicas=4)
        assert applied["spec"]["replicas"] == 4
        assert applied["spec"]["version"] == "10.9.0"
    finally:
        conversion.process.start()
        conversion.until_ready()
        switch_preview(cluster, "enable", "--url", conversion.url)
        run_tool([sys.executable, "-m", "certs", "inject", "--namespace", NAMESPACE], cluster)
    until(lambda: admin.find(PREVIEW, on, "chat") is not None)


def _gone(admin: Client, namespace: str) -> bool:
    try:
        admin.get(PREVIEW, namespace, "chat")
    except ApiError as error:
        return error.status == 404
    return False


def _applied(admin: Client, namespace: str, **spec: Any) -> dict[str, Any]:
    body = {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": {"name": "chat"},
        "spec": {"ingressName": "chat.example.com", **spec},
    }
    return admin.request(
        "PATCH",
        CLUSTER_INSTALLATION.path(namespace, "chat"),
        body,
        params={"fieldManager": "flux", "force": "true"},
        content_type=APPLY,
    )
