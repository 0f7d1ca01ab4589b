"""Many sets of values: each renders, and a real API server would take every object of it.

Server-side dry runs with strict fields: a field that is spelled wrong or stands in the wrong place
is an error, not something the API server drops.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mattermost_migrate.domain.names import NAMESPACE
from mattermost_migrate.testing.cluster import APPLY, ApiError, Cluster
from mattermost_migrate.testing.tools import Toolbox

CHART = Path(__file__).parents[3] / "deploy" / "chart"
SETS: dict[str, dict[str, Any]] = {
    "as they are": {},
    "builtin operator": {"controller": {"operator": "builtin", "replicas": 1, "workers": 3}},
    "cert-manager": {
        "certificates": {"provider": "cert-manager"},
        "conversion": {"enabled": True},
    },
    "own certificates": {
        "certificates": {"provider": "none"},
        "webhook": {"caBundle": "Zm9v"},
        "conversion": {"enabled": True},
    },
    "watched": {
        "conversion": {"enabled": True},
        "monitoring": {
            "podMonitors": True,
            "rules": True,
            "dashboard": True,
            "labels": {"release": "prometheus"},
            "interval": "1m",
        },
    },
    "closed network": {
        "networkPolicy": {
            "apiServerPorts": [443, 6443],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        }
    },
    "open network": {"networkPolicy": {"enabled": False}},
    "IPv6 alone": {"bindAddress": "::", "conversion": {"enabled": True}},
    "strict webhook on the nodes": {
        "webhook": {
            "failurePolicy": "Fail",
            "hostNetwork": True,
            "listenPort": 19443,
            "tlsMinVersion": "1.2",
            "timeoutSeconds": 2,
        }
    },
    "webhook elsewhere, by URL": {
        "webhook": {"enabled": False, "url": "https://webhook.example.com:9443"}
    },
    "webhook elsewhere, by name": {
        "webhook": {"enabled": False, "externalName": "webhook.example.com", "port": 9443}
    },
    "no processes, no policy": {
        "controller": {"enabled": False},
        "webhook": {"enabled": False},
        "policy": {"enabled": False},
    },
    "placed": {
        part: {
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "infra", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "priorityClassName": "system-cluster-critical",
            "podAnnotations": {"a": "b"},
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        }
        for part in ("controller", "webhook")
    },
    "private image": {
        "image": {
            "repository": "images.example.com:5000/mm",
            "digest": "sha256:" + "0" * 64,
            "pullPolicy": "Always",
        },
        "imagePullSecrets": [{"name": "pull"}],
    },
}


@pytest.fixture(scope="module")
def home(own_cluster: Cluster) -> str:
    own_cluster.admin.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "values"}}
    )
    assert own_cluster.admin.find(NAMESPACE, None, "values")
    return "values"


def rendered(helm: Path, values: dict[str, Any], *flags: str) -> list[dict[str, Any]]:
    command = [str(helm), "template", "mm", str(CHART), "--namespace", "values", "--values", "-"]
    command += ["--kube-version", "1.36.0", "--include-crds", *flags]
    out = subprocess.run(  # noqa: S603 - the Helm that we built
        command, check=False, capture_output=True, text=True, input=yaml.safe_dump(values)
    )
    assert out.returncode == 0, out.stderr
    return [obj for obj in yaml.safe_load_all(out.stdout) if obj]


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_api_server_takes_all_of_it(
    own_cluster: Cluster, tools: Toolbox, home: str, values: dict[str, Any]
) -> None:
    admin, refused = own_cluster.admin, []
    for obj in rendered(tools["helm4"], values):
        metadata = obj["metadata"]
        resource = admin.resource(obj["apiVersion"], obj["kind"])
        path = resource.path(metadata.get("namespace"), metadata["name"])
        strict = {"dryRun": "All", "fieldManager": "test", "fieldValidation": "Strict"}
        try:
            admin.request("PATCH", path, obj, params=strict, content_type=APPLY)
        except ApiError as problem:
            refused.append(f"{obj['kind']} {metadata['name']}: {problem}")

    assert refused == []


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_both_helms_render_the_same(tools: Toolbox, values: dict[str, Any]) -> None:
    """In another order, as each sorts for itself."""
    ways = [
        {(obj["kind"], obj["metadata"]["name"]): obj for obj in rendered(tools[helm], values)}
        for helm in ("helm3", "helm4")
    ]

    assert ways[0] == ways[1]


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_lint_has_nothing_to_say(
    tools: Toolbox, tmp_path: Path, values: dict[str, Any], helm: str
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))

    done = subprocess.run(  # noqa: S603 - the Helm that we built
        [str(tools[helm]), "lint", "--strict", "--quiet", str(CHART), "--values", str(file)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_every_pod_is_nobody_and_may_nothing(tools: Toolbox) -> None:
    pods = [
        obj["spec"]["template"]["spec"]
        for obj in rendered(tools["helm4"], {})
        if obj["kind"] == "Deployment"
    ]

    assert pods
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]
