"""Objects as a real API server shows them: with its defaults and its bookkeeping.

For tests of pure functions; what a server really does is proven on one, in tests/integration.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["served"]

_CONTAINER: Final = {
    "imagePullPolicy": "IfNotPresent",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_POD: Final = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}
_SERVICE: Final = {
    "clusterIP": "10.0.0.1",
    "internalTrafficPolicy": "Cluster",
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "sessionAffinity": "None",
}
_CLAIM: Final = {
    "storageClassName": "standard",
    "volumeMode": "Filesystem",
    "volumeName": "pv",
}


def served(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object after a create, as a GET shows it (operator facts 0.5)."""
    live = copy.deepcopy(dict(obj))
    live["metadata"] |= {
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "generation": 1,
        "managedFields": [{"manager": "someone"}],
        "resourceVersion": "7",
        "uid": f"uid-{obj['metadata']['name']}",
    }
    _BY_KIND.get(obj["kind"], _unchanged)(live)
    return live


def _unchanged(live: dict[str, Any]) -> None:
    """Nothing is added to the others."""


def _fill(section: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    for key, value in defaults.items():
        section.setdefault(key, copy.deepcopy(value))


def _deployment(live: dict[str, Any]) -> None:
    annotations = live["metadata"].setdefault("annotations", {})
    annotations["deployment.kubernetes.io/revision"] = "1"
    spec = live["spec"]
    _fill(spec, {"progressDeadlineSeconds": 600})
    spec["template"].setdefault("metadata", {})["creationTimestamp"] = None
    _pod(spec["template"]["spec"])
    live["status"] = {"observedGeneration": 1, "replicas": spec["replicas"]}


def _pod(pod: dict[str, Any]) -> None:
    _fill(pod, {**_POD, "serviceAccount": pod["serviceAccountName"]})
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        _container(container)
    for volume in pod.get("volumes", ()):
        _volume(volume)


def _container(container: dict[str, Any]) -> None:
    _fill(container, _CONTAINER)
    for port in container.get("ports", ()):
        _fill(port, {"protocol": "TCP"})
    for variable in container.get("env", ()):
        if "fieldRef" in variable.get("valueFrom", {}):
            _fill(variable["valueFrom"]["fieldRef"], {"apiVersion": "v1"})
    for key in ("livenessProbe", "readinessProbe"):
        if probe := container.get(key):
            _fill(probe, {"successThreshold": 1, "timeoutSeconds": 1})
            if "httpGet" in probe:
                _fill(probe["httpGet"], {"scheme": "HTTP"})


def _volume(volume: dict[str, Any]) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if source in volume:
            _fill(volume[source], {"defaultMode": 420})
    for part in volume.get("projected", {}).get("sources") or ():
        if "serviceAccountToken" in part:
            _fill(part["serviceAccountToken"], {"expirationSeconds": 3600})


def _service(live: dict[str, Any]) -> None:
    spec = live["spec"]
    for port in spec["ports"]:
        _fill(port, {"protocol": "TCP"})
        if spec["type"] != "ClusterIP":
            port["nodePort"] = 30000 + port["port"] % 1000
    _fill(spec, _SERVICE)
    spec["clusterIPs"] = [spec["clusterIP"]]
    live["status"] = {"loadBalancer": {}}


def _role_binding(live: dict[str, Any]) -> None:
    live["roleRef"]["apiGroup"] = "rbac.authorization.k8s.io"


def _ingress_class(live: dict[str, Any]) -> None:
    live["metadata"].pop("namespace", None)


def _minio(live: dict[str, Any]) -> None:
    live["status"] = {"availableReplicas": 4, "phase": "Ready"}


def _secret(live: dict[str, Any]) -> None:
    live.setdefault("type", "Opaque")


def _claim(live: dict[str, Any]) -> None:
    _fill(live["spec"], _CLAIM)
    live["status"] = {"phase": "Bound"}


def _ingress(live: dict[str, Any]) -> None:
    live["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


_BY_KIND: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "Deployment": _deployment,
    "Ingress": _ingress,
    "IngressClass": _ingress_class,
    "MinIOInstance": _minio,
    "PersistentVolumeClaim": _claim,
    "RoleBinding": _role_binding,
    "Secret": _secret,
    "Service": _service,
}
