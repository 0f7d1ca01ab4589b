"""The local cluster behaves as a cluster does: pods run, rights hold, components can be stopped."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.cluster import (
    ApiError,
    Client,
    Cluster,
    LocalCluster,
    Options,
    ProcessError,
)
from mattermost_migrate.testing.tools import Toolbox

NODE = Resource("", "v1", "Node", "nodes", namespaced=False)


def deployment(name: str, replicas: int = 2) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "main", "image": "example/none:1"}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def available(count: int) -> Callable[[JsonObject], bool]:
    return lambda obj: obj.get("status", {}).get("availableReplicas", 0) == count


def kubectl(tools: Toolbox, kubeconfig: Path, *arguments: str) -> str:
    command = [tools["kubectl"], "--kubeconfig", kubeconfig, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout


class Refuse(BaseHTTPRequestHandler):
    """An admission webhook that refuses everything."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refusal = {"message": "not while the test runs"}
        response = {"uid": review["request"]["uid"], "allowed": False, "status": refusal}
        body = json.dumps({**review, "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@contextmanager
def webhook_server(cluster: LocalCluster, host: str) -> Iterator[int]:
    """Serve `Refuse` with a certificate for that name only; yields the port."""
    pair = cluster.authority.issue(host, hosts=[host])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Refuse) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def refuse_secrets(cluster: LocalCluster, namespace: str, port: int) -> dict[str, Any]:
    bundle = base64.b64encode(cluster.authority.bundle.read_bytes()).decode()
    service = {"name": "webhook", "namespace": namespace, "port": port}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    secrets = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"]}
    hook = {
        "name": "refuse.example.com",
        "clientConfig": {"service": service, "caBundle": bundle},
        "namespaceSelector": here,
        "rules": [{**secrets, "operations": ["CREATE"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [hook],
    }


def test_pods_of_a_deployment_run(admin: Client, namespace: str) -> None:
    admin.create(DEPLOYMENT, namespace, deployment("web"))

    admin.until(DEPLOYMENT, namespace, "web", available(2))

    pods = admin.list(POD, namespace, labels={"app": "web"})
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]


def test_a_service_account_may_do_nothing_it_was_not_granted(cluster: Cluster) -> None:
    with (
        Client(cluster.service_account("default", "nobody")) as nobody,
        pytest.raises(ApiError) as e,
    ):
        nobody.list(SECRET, "default")
    assert e.value.status == 403


def test_a_paused_controller_manager_does_nothing_and_then_goes_on(
    local_cluster: LocalCluster, admin: Client, namespace: str
) -> None:
    manager = local_cluster.processes["kube-controller-manager"]
    manager.pause()
    try:
        admin.create(DEPLOYMENT, namespace, deployment("late"))
        with pytest.raises(TimeoutError):
            admin.until(DEPLOYMENT, namespace, "late", available(2), seconds=2)
        assert admin.list(REPLICA_SET, namespace) == []
    finally:
        manager.resume()

    admin.until(DEPLOYMENT, namespace, "late", available(2))


def test_the_api_server_can_be_killed_and_comes_back_where_it_was(
    local_cluster: LocalCluster, admin: Client, namespace: str
) -> None:
    admin.create(SECRET, namespace, {"metadata": {"name": "kept"}})
    server = local_cluster.processes["kube-apiserver"]
    server.kill()
    with pytest.raises(requests.ConnectionError):
        admin.get(SECRET, namespace, "kept")

    server.start()
    local_cluster.until_api_server_ready()

    assert admin.get(SECRET, namespace, "kept")["metadata"]["name"] == "kept"
    admin.create(DEPLOYMENT, namespace, deployment("after"))
    admin.until(DEPLOYMENT, namespace, "after", available(2))


def test_each_controller_acts_as_itself_and_the_audit_log_says_so(
    local_cluster: LocalCluster, admin: Client, namespace: str
) -> None:
    admin.create(DEPLOYMENT, namespace, deployment("seen"))
    admin.until(DEPLOYMENT, namespace, "seen", available(2))

    writers = {
        (event["objectRef"]["resource"], event["user"].get("username"))
        for event in local_cluster.audit()
        if event["verb"] == "create" and event.get("objectRef", {}).get("namespace") == namespace
    }

    controller = "system:serviceaccount:kube-system:{}-controller"
    assert ("deployments", "admin") in writers
    assert ("replicasets", controller.format("deployment")) in writers
    assert ("pods", controller.format("replicaset")) in writers


def test_kubectl_acts_as_a_service_account_by_its_kubeconfig(
    cluster: Cluster, tools: Toolbox, namespace: str, tmp_path: Path
) -> None:
    file = cluster.service_account_kubeconfig(namespace, "reader", tmp_path / "kubeconfig")

    said = kubectl(tools, file, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")

    assert said == f"system:serviceaccount:{namespace}:reader"


def test_the_api_server_calls_a_webhook_on_this_machine_by_its_service_name(
    local_cluster: LocalCluster, admin: Client, namespace: str
) -> None:
    host = f"webhook.{namespace}.svc"
    with webhook_server(local_cluster, host) as port:
        spec = {"type": "ExternalName", "externalName": "localhost"}
        admin.create(SERVICE, namespace, {"metadata": {"name": "webhook"}, "spec": spec})
        admin.apply(refuse_secrets(local_cluster, namespace, port))

        def create_until_refused() -> None:
            for _ in range(100):  # the API server learns of a webhook by a watch
                admin.create(SECRET, namespace, {"metadata": {"name": "s"}}, dry_run=True)
                time.sleep(0.05)

        with pytest.raises(ApiError, match="not while the test runs"):
            create_until_refused()


def test_two_clusters_run_side_by_side(local_cluster: LocalCluster, tools: Toolbox) -> None:
    with LocalCluster(tools, Options(nodes=2, audit=None)) as other:
        assert other.server != local_cluster.server
        names = {node["metadata"]["name"] for node in other.admin.list(NODE)}
        assert names == {"kwok-0", "kwok-1"}
        with pytest.raises(requests.exceptions.SSLError):  # neither trusts the other
            Client(replace(other.admin.credentials, server=local_cluster.server)).list(NODE)
    assert len(local_cluster.admin.list(NODE)) == 1


def test_an_existing_cluster_is_used_and_left_running(local_cluster: LocalCluster) -> None:
    with Cluster.existing(local_cluster.kubeconfig) as existing, existing.namespace() as name:
        assert local_cluster.admin.find(NAMESPACE, None, name)

    assert all(process.running for process in local_cluster.processes.values())


def test_a_component_that_cannot_start_says_why(tools: Toolbox) -> None:
    broken = LocalCluster(Toolbox({**tools.paths, "kube-apiserver": tools["kubectl"]}))

    with pytest.raises(ProcessError, match="unknown flag"):
        broken.__enter__()

    assert not broken.folder.exists()
    assert not broken.processes["etcd"].running
