"""What a Mattermost may say and a ClusterInstallation cannot: edits that do not come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mattermost_migrate.domain.children.ingress import default_tls_secret
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.names import V1ALPHA1, Reason
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = ["faults"]

#: Paths of which a ClusterInstallation knows nothing.
_PATHS: Final = (
    ("awsLoadBalancerController",),
    ("volumes",),
    ("volumeMounts",),
    ("imagePullSecrets",),
    ("dnsConfig",),
    ("dnsPolicy",),
    ("database", "disableReadinessCheck"),
    ("database", "readinessCheck"),
    ("fileStore", "external", "useServiceAccount"),
    ("fileStore", "externalVolume"),
    ("fileStore", "local"),
    ("scheduling", "tolerations"),
    ("podTemplate",),
    ("deploymentTemplate",),
    ("updateJob",),
    ("jobServer",),
    ("podExtensions",),
    ("resourcePatch",),
    ("ingress", "hosts"),
    ("ingress", "ingressClass"),
)


def faults(mattermost: JsonObject) -> Iterator[Fault]:
    """Everything that would be lost on the way back, or mean something else.

    Args:
        mattermost: with its spec in canonical form, and not pinned.
    """
    spec = mattermost["spec"]
    for path in _PATHS:
        if _said(spec, path):
            yield _fault(".".join(path), "a ClusterInstallation has no such field")
    yield from _ingress_faults(spec)
    yield from _replica_faults(spec)
    if spec.get("serviceAnnotations") and not spec.get("useServiceLoadBalancer"):
        yield _fault(
            "serviceAnnotations",
            "a ClusterInstallation applies them to a LoadBalancer alone",
        )
    theirs = V1ALPHA1.selector(name_of(mattermost))
    for key, value in spec.get("resourceLabels", {}).items():
        if key in theirs and value != theirs[key]:
            yield _fault(
                f"resourceLabels[{key}]",
                "in a ClusterInstallation it would contradict the selector",
            )


def _said(spec: JsonObject, path: tuple[str, ...]) -> bool:
    value: Any = spec
    for key in path:
        value = value.get(key)
        if not value:
            return False
    return True


def _ingress_faults(spec: JsonObject) -> Iterator[Fault]:
    """The rest of ``spec.ingress`` has a place (``network.backward``)."""
    ingress = spec.get("ingress")
    if ingress is None:
        return
    if not ingress["enabled"] and not spec.get("useServiceLoadBalancer"):
        yield _fault("ingress.enabled", "a ClusterInstallation always has an Ingress")
    if not ingress.get("host") and spec.get("ingressName"):  # which is not in force beside ingress
        yield _fault("ingress.host", "a ClusterInstallation always has a host")
    if ingress.get("tlsSecret", "") not in ("", default_tls_secret(ingress.get("host", ""))):
        yield _fault("ingress.tlsSecret", "a ClusterInstallation names the Secret after the host")


def _replica_faults(spec: JsonObject) -> Iterator[Fault]:
    """0 is "unset" there, and only for the application there is another way to say none."""
    database = spec.get("database", {}).get("operatorManaged", {})
    external = spec.get("database", {}).get("external", {}).get("secret")
    restoring = database.get("initBucketURL")
    if database.get("replicas") == 0 and not external and not restoring:
        yield _fault("database.operatorManaged.replicas", "a ClusterInstallation takes 0 for unset")
    store = spec.get("fileStore", {})
    if store.get("operatorManaged", {}).get("replicas") == 0 and not store.get("external"):
        yield _fault(
            "fileStore.operatorManaged.replicas", "a ClusterInstallation takes 0 for unset"
        )


def _fault(field: str, message: str) -> Fault:
    return Fault(f"spec.{field}", message, Reason.NO_PLACE)
