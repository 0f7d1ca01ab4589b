"""A Mattermost: what its operator would choke on (operator facts 1.3, 3).

Its pod has a module of its own; here are the network, the stores and the patches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

from mattermost_migrate.domain.children import patches
from mattermost_migrate.domain.names import DEPLOYMENT, MATTERMOST, SERVICE, V1BETA1
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.validation import containers, mattermost_pod, operator, syntax
from mattermost_migrate.domain.validation.field import Field, Finding, Rules
from mattermost_migrate.domain.validation.ingress import ingress_annotations

__all__ = ["findings"]

_ACCESS_MODES: Final = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_STORES: Final = ("external", "externalVolume", "local", "operatorManaged")
_OPERATIONS: Final = ("add", "remove", "replace", "move", "copy", "test")


def findings(mattermost: JsonObject) -> Iterator[Finding]:
    """All there is to say about a Mattermost."""
    spec, name = Field("spec", mattermost.get("spec")), name_of(mattermost)
    yield from syntax.object_name(Field("metadata.name", name))
    yield from operator.refusals(MATTERMOST, mattermost)
    yield from syntax.image(spec)
    yield from spec.each(_APPLICATION)
    yield from _ingress(spec)
    yield from _labels(spec / "resourceLabels", name)
    yield from spec.each(_PARTS)
    yield from mattermost_pod.findings(spec)
    yield from spec.each(_PATCHES)


def _ingress(spec: Field) -> Iterator[Finding]:
    ingress = spec / "ingress"
    if not ingress.present:
        if (spec / "useServiceLoadBalancer").value is not True:
            yield from syntax.host(spec / "ingressName")
        yield from ingress_annotations(spec / "ingressAnnotations")
        return
    for name in ("ingressName", "ingressAnnotations", "useIngressTLS"):
        if spec / name:
            yield (spec / name).caution("is ignored, because ingress is given")
    yield from ingress.each(_INGRESS)


def _hosts(at: Field) -> Iterator[Finding]:
    for item in at:
        if not (item / "hostName").text:
            yield (item / "hostName").required("name the host")
        yield from syntax.host(item / "hostName")


def _load_balancer(at: Field) -> Iterator[Finding]:
    if (at / "enabled").value is not True:
        return
    yield from _hosts(at / "hosts")
    yield from ingress_annotations(at / "annotations")
    yield from syntax.secret_name(at / "ingressClassName")
    arn = at / "certificateARN"
    if arn and not arn.text.startswith("arn:"):
        yield arn.invalid("must be the ARN of a certificate")


def _labels(at: Field, name: str) -> Iterator[Finding]:
    yield from syntax.labels(at)
    own = V1BETA1.selector(name)
    for key, value in at.entries():
        if key in own and value.value != own[key]:
            yield value.caution(f"the operator writes {own[key]} over it")


def _database(at: Field) -> Iterator[Finding]:
    external, managed = at / "external" / "secret", at / "operatorManaged"
    yield from at.each(_DATABASE)
    if external:
        if managed:
            yield managed.caution("is ignored, because external.secret is given")
        return
    if managed / "type" and (managed / "type").value != "mysql":
        yield (managed / "type").invalid("only mysql can be operator-managed; else use external")
    yield from syntax.count(managed / "replicas")
    if (at / "readinessCheck").present:
        yield (at / "readinessCheck").caution("has no effect on an operator-managed database")


def _file_store(at: Field) -> Iterator[Finding]:
    external, local, managed = at / "external", at / "local", at / "operatorManaged"
    active = {
        "external": bool(external / "url"),
        "externalVolume": bool(at / "externalVolume" / "volumeClaimName"),
        "local": (local / "enabled").value is True,
        "operatorManaged": bool(managed),
    }
    chosen = next((name for name in _STORES if active[name]), "operatorManaged")
    for name in _STORES:
        if active[name] and name != chosen:
            yield (at / name).caution(f"is ignored, because {chosen} is given")
    if chosen == "external":
        yield from _external_files(external)
    yield from at.each(_FILE_STORE)
    if chosen == "operatorManaged":
        yield from syntax.count(managed / "replicas")


def _access_modes(at: Field) -> Iterator[Finding]:
    for mode in at:
        yield from syntax.one_of(mode, *_ACCESS_MODES)


def _external_files(at: Field) -> Iterator[Finding]:
    if not at / "bucket":
        yield (at / "bucket").required("the operator needs the bucket's name")
    if not at / "secret" and (at / "useServiceAccount").value is not True:
        yield (at / "secret").required("name the Secret with the keys, or set useServiceAccount")
    yield from syntax.secret_name(at / "secret")
    if "://" in (at / "url").text:
        yield (at / "url").caution("must be HOST[:PORT] for Mattermost to reach it, without scheme")


def _patch(at: Field, kind: str) -> Iterator[Finding]:
    text = at / "patch"
    if not text or (at / "disable").value is True:
        return
    try:
        operations = json.loads(text.text)
    except (ValueError, RecursionError):
        operations = None
    if not isinstance(operations, list):
        yield text.invalid("must be a JSON Patch: a JSON list of operations, as text")
        return
    for index, operation in enumerate(operations):
        yield from _operation(Field(f"{text.path}[{index}]", operation), kind)


def _operation(at: Field, kind: str) -> Iterator[Finding]:
    path = (at / "path").text
    if (at / "op").value not in _OPERATIONS:
        yield (at / "op").unsupported(*_OPERATIONS)
    elif not path.startswith("/"):
        yield (at / "path").invalid("must begin with '/'")
    elif patches.forbidden(kind, path):
        yield (at / "path").invalid("the operator lets no patch touch this")


_APPLICATION: Final[Rules] = {
    "size": syntax.size,
    "imagePullPolicy": syntax.pull_policy,
    "mattermostEnv": containers.env,
    "licenseSecret": syntax.secret_name,
    "replicas": syntax.count,
    "serviceAnnotations": syntax.annotation_map,
}
_INGRESS: Final[Rules] = {
    "host": syntax.host,
    "annotations": ingress_annotations,
    "tlsSecret": syntax.secret_name,
    "ingressClass": syntax.secret_name,
    "hosts": _hosts,
}
_PARTS: Final[Rules] = {
    "awsLoadBalancerController": _load_balancer,
    "database": _database,
    "fileStore": _file_store,
}
_MANAGED: Final[Rules] = {"storageSize": syntax.quantity, "resources": containers.amounts}
_DATABASE: Final[Rules] = {
    "external": {"secret": syntax.secret_name},
    "operatorManaged": {
        **_MANAGED,
        "backupSecretName": syntax.secret_name,
        "backupRestoreSecretName": syntax.secret_name,
    },
}
_FILE_STORE: Final[Rules] = {
    "externalVolume": {"volumeClaimName": syntax.secret_name},
    "local": {"storageSize": syntax.quantity, "accessModes": _access_modes},
    "operatorManaged": _MANAGED,
}
_PATCHES: Final[Rules] = {
    "resourcePatch": {
        "service": partial(_patch, kind=SERVICE.kind),
        "deployment": partial(_patch, kind=DEPLOYMENT.kind),
    }
}
