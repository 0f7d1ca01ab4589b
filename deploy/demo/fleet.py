"""The installations of the demo: the operator's own examples, and a fleet of ordinary ones. Pure.

Ordinary is what most people run: an external database, an external file store, two replicas; and
no two alike in version, size, environment and annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, NAMESPACE, OWN_GROUP, SECRET
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of
from mattermost_migrate.testing.cluster import manifests

__all__ = ["DEMO_LABEL", "NAMESPACES", "Fleet", "Key", "fleet"]

#: Namespace and name of an installation.
Key = tuple[str, str]

#: On every namespace and CRD that the demo makes: what carries it is removed in the end.
DEMO_LABEL: Final = f"{OWN_GROUP}/demo"

_SAMPLES: Final = Path(__file__).parent / "samples"
_SAMPLES_NAMESPACE: Final = "demo-samples"
_REGIONS: Final = ("demo-eu", "demo-us", "demo-ap")
NAMESPACES: Final = (_SAMPLES_NAMESPACE, *_REGIONS)

_NAMES: Final = (
    *("acme", "aurora", "beacon", "birch", "cedar", "cobalt", "comet", "delta", "dune", "ember"),
    *("fable", "fjord", "garnet", "glacier", "harbor", "hazel", "indigo", "iris", "jasper"),
    *("juniper", "karst", "lagoon", "lumen", "maple", "meadow", "nimbus", "onyx", "orchid"),
    *("prism", "quartz", "raven", "sierra", "tundra", "umber", "violet", "willow", "zephyr"),
)

# Their lengths have no factor in common, so that combinations repeat late.
_VERSIONS: Final = ("7.8.15", "8.1.13", "9.5.9", "9.11.6", "10.5.2")
_SIZES: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"size": "1000users"},
    {"size": "5000users"},
    {
        "resources": {
            "requests": {"cpu": "0.5", "memory": "1024Mi"},
            "limits": {"cpu": "2000m", "memory": "4Gi"},
        }
    },
)
_EXTRAS: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"mattermostEnv": [{"name": "MM_SERVICESETTINGS_ENABLECUSTOMEMOJI", "value": "true"}]},
    {
        "mattermostEnv": [
            {"name": "MM_LOGSETTINGS_CONSOLELEVEL", "value": "INFO"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ]
    },
)
_ROUTES: Final[tuple[Mapping[str, Any], ...]] = (
    {},
    {"ingressAnnotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "250M"}},
    {
        "ingressAnnotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        "useIngressTLS": True,
    },
    {"serviceAnnotations": {"prometheus.io/scrape": "true"}},
    {"resourceLabels": {"team": "collaboration"}},
    {
        "ingressAnnotations": {
            "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
            "nginx.ingress.kubernetes.io/affinity": "cookie",
        }
    },
    {"mattermostLicenseSecret": "license"},
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the demo creates.

    Attributes:
        objects: namespaces, Secrets and ClusterInstallations, in the order of creation.
    """

    objects: tuple[JsonObject, ...]

    @property
    def installations(self) -> tuple[Key, ...]:
        """Namespace and name of every installation."""
        return tuple(
            (namespace_of(obj), name_of(obj))
            for obj in self.objects
            if obj["kind"] == CLUSTER_INSTALLATION.kind
        )


def fleet(ordinary: int, *, spec: Mapping[str, Any] | None = None) -> Fleet:
    """So many ordinary installations, and the operator's two examples.

    Args:
        ordinary: how many.
        spec: what every installation has besides.
    """
    more = spec or {}
    objects = [*map(_namespace, NAMESPACES), *_shared_secrets()]
    for sample in manifests(_SAMPLES):
        placed = {**sample["metadata"], "namespace": _SAMPLES_NAMESPACE}
        objects.append({**sample, "metadata": placed, "spec": {**sample["spec"], **more}})
    for number in range(ordinary):
        objects.extend(_ordinary(number, more))
    return Fleet(tuple(objects))


def _namespace(name: str) -> JsonObject:
    metadata = {"name": name, "labels": {DEMO_LABEL: "true"}}
    return {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, "metadata": metadata}


def _shared_secrets() -> Iterator[JsonObject]:
    for namespace in _REGIONS:
        yield _secret(namespace, "file-store", accesskey="demo", secretkey="not-a-secret")
        yield _secret(namespace, "license", license="not-a-license")


def _ordinary(number: int, more: Mapping[str, Any]) -> Iterator[JsonObject]:
    again, place = divmod(number, len(_NAMES))
    name = f"{_NAMES[place]}-{again + 1}" if again else _NAMES[place]
    namespace = _REGIONS[number % len(_REGIONS)]
    url = f"postgres://mattermost:not-a-secret@db.example.com:5432/{name}"
    yield _secret(namespace, f"{name}-db", DB_CONNECTION_STRING=url, DB_CONNECTION_CHECK_URL=url)
    spec = {
        "version": _VERSIONS[number % len(_VERSIONS)],
        "replicas": 2,
        "ingressName": f"{name}.chat.example.com",
        "database": {"secret": f"{name}-db"},
        "minio": {
            "externalURL": "s3.amazonaws.com",
            "externalBucket": f"chat-{name}",
            "secret": "file-store",
        },
        **_SIZES[number % len(_SIZES)],
        **_EXTRAS[number % len(_EXTRAS)],
        **_ROUTES[number % len(_ROUTES)],
        **more,
    }
    yield {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _secret(namespace: str, name: str, **data: str) -> JsonObject:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": name, "namespace": namespace},
        "stringData": data,
    }
