"""A ClusterInstallation: what its operator would choke on, and what will hurt in migration.

The operator's own checks are asked of ``defaults``; the rest is what the API server would refuse
in its children, or what the operator answers with an endless ``reconciling`` (operator facts 1.1,
1.5, 2.1, 5.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.conversion import placeless
from mattermost_migrate.domain.conversion.versions import edited_spec
from mattermost_migrate.domain.names import APP_LABEL, CLUSTER_INSTALLATION, V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.validation import containers, operator, scheduling, syntax
from mattermost_migrate.domain.validation.field import Field, Finding, Rules
from mattermost_migrate.domain.validation.ingress import ingress_annotations

__all__ = ["findings"]

_COLOURS: Final = ("blue", "green")
#: MinIO runs alone or as at least four.
_DISTRIBUTED: Final = 4


def findings(ci: JsonObject) -> Iterator[Finding]:
    """All there is to say about a ClusterInstallation."""
    spec = Field("spec", ci.get("spec"))
    yield from syntax.object_name(Field("metadata.name", name_of(ci)))
    yield from operator.refusals(CLUSTER_INSTALLATION, ci)
    yield from syntax.image(spec)
    yield from spec.each(_APPLICATION)
    yield from _network(spec)
    yield from _labels(spec / "resourceLabels", name_of(ci))
    yield from spec.each(_PARTS)
    yield from _preview_edits(ci)


def _replicas(at: Field) -> Iterator[Finding]:
    if (at.number or 0) < 0:
        yield at.caution("is taken for 0: no pod will run")


def _network(spec: Field) -> Iterator[Finding]:
    balanced = (spec / "useServiceLoadBalancer").value is True
    if not balanced:
        yield from syntax.host(spec / "ingressName")
    yield from ingress_annotations(spec / "ingressAnnotations")
    yield from syntax.annotation_map(spec / "serviceAnnotations")
    if spec / "serviceAnnotations" and not balanced:
        yield (spec / "serviceAnnotations").caution("has no effect without useServiceLoadBalancer")


def _labels(at: Field, name: str) -> Iterator[Finding]:
    yield from syntax.labels(at)
    own = V1ALPHA1.selector(name)
    for key, value in at.entries():
        if key in own and value.value != own[key]:
            yield value.invalid(f"must be {own[key]}: the Deployment selects its pods by {key}")
        elif key in V1BETA1.of(name) and value.value != name:
            yield value.caution("a Mattermost's operator writes its own value over this label")
        elif key == APP_LABEL:
            yield value.caution("is set by the operator anyway")


def _file_store(at: Field) -> Iterator[Finding]:
    url = at / "externalURL"
    yield from at.each(_FILE_STORE)
    if not url:
        yield from _operator_managed_files(at)
        return
    if "://" in url.text:
        yield url.caution("must be HOST[:PORT] for Mattermost to reach it, without scheme")
    else:
        yield url.caution("v1alpha1 speaks plain HTTP to S3; the migration keeps that")
    if not at / "secret":
        yield (at / "secret").caution("is missing: the operator makes up keys that nobody knows")


def _operator_managed_files(at: Field) -> Iterator[Finding]:
    replicas = at / "replicas"
    yield from syntax.count(replicas)
    if 1 < (replicas.number or 0) < _DISTRIBUTED:
        yield replicas.caution("MinIO runs as 1, or as 4 and more")
    if at / "secret":
        yield (at / "secret").caution(
            "a custom Secret of an operator-managed MinIO cannot be migrated"
        )


def _database(at: Field) -> Iterator[Finding]:
    yield from at.each(_DATABASE)
    if at / "backupSecretName":
        yield (at / "backupSecretName").caution("is never used: set backupRestoreSecretName")
    if at / "secret":
        return  # external or not stands in the Secret; see `secrets.py`
    if (at / "type") and (at / "type").value != "mysql":
        yield (at / "type").invalid("only mysql can be operator-managed; else set database.secret")
    yield from syntax.count(at / "replicas")
    if at / "initBucketURL" and not at / "backupRestoreSecretName":
        yield (at / "initBucketURL").caution("has no effect without backupRestoreSecretName")


def _blue_green(at: Field) -> Iterator[Finding]:
    """Valid alone, but in the way of a migration."""
    if (at / "enable").value is True:
        yield (at / "enable").caution("switch blue/green off before this can be migrated")
        for colour in _COLOURS:
            yield from _deployment(at / colour)


def _canary(at: Field) -> Iterator[Finding]:
    """The same."""
    if (at / "enable").value is True:
        yield (at / "enable").caution("switch the canary off before this can be migrated")
        yield from _deployment(at / "deployment")


def _deployment(at: Field) -> Iterator[Finding]:
    yield from syntax.object_name(at / "name")
    yield from syntax.image(at)
    yield from at.each(_DEPLOYMENT)


def _preview_edits(ci: JsonObject) -> Iterator[Finding]:
    """What was written through the preview version and would do nothing at all."""
    spec = edited_spec(ci)
    if spec is None:
        return
    try:
        written = canonical.mattermost_spec(spec)
    except ValueError:
        return
    yield from placeless.faults({"metadata": ci.get("metadata"), "spec": written})


_APPLICATION: Final[Rules] = {
    "size": syntax.size,
    "imagePullPolicy": syntax.pull_policy,
    "resources": containers.resources,
    "mattermostEnv": containers.env,
    "livenessProbe": containers.liveness_probe,
    "readinessProbe": containers.readiness_probe,
    "nodeSelector": syntax.labels,
    "affinity": scheduling.affinity,
    "mattermostLicenseSecret": syntax.secret_name,
    "replicas": _replicas,
}
_PARTS: Final[Rules] = {
    "minio": _file_store,
    "database": _database,
    "blueGreen": _blue_green,
    "canary": _canary,
}
_FILE_STORE: Final[Rules] = {
    "storageSize": syntax.quantity,
    "secret": syntax.secret_name,
    "resources": containers.amounts,
}
_DATABASE: Final[Rules] = {
    **_FILE_STORE,
    "backupSecretName": syntax.secret_name,
    "backupRestoreSecretName": syntax.secret_name,
}
_DEPLOYMENT: Final[Rules] = {"ingressName": syntax.host, "resourceLabels": syntax.labels}
