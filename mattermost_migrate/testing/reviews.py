"""Admission reviews as an API server sends them, of the installations of the golden cases."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Resource
from mattermost_migrate.testing.golden import cases

__all__ = ["calls"]

_INPUTS: Final = {"clusterInstallation": CLUSTER_INSTALLATION, "mattermost": MATTERMOST}
_GENERATED: Final = "thenMattermost"


def calls() -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, review), over and over different ones: a creation and an update of every case."""
    for number, (resource, obj) in enumerate(_installations()):
        path = f"/validate/{resource.kind.lower()}"
        yield path, _review(resource, number, "CREATE", obj, None)
        changed = copy.deepcopy(dict(obj))
        changed["metadata"].setdefault("annotations", {})["example.com/touched"] = str(number)
        yield path, _review(resource, number, "UPDATE", changed, obj)


def _installations() -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for case in cases():
        for key in (*_INPUTS, _GENERATED):
            if (given := case.input.get(key)) is not None:
                resource = MATTERMOST if key != "clusterInstallation" else CLUSTER_INSTALLATION
                yield resource, _stored(resource, given)


def _stored(resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
    """With what every stored object carries besides."""
    fields: dict[str, Any] = {f"f:{name}": {} for name in obj.get("spec") or ()}
    manager = {
        "manager": "argocd-controller",
        "operation": "Apply",
        "apiVersion": resource.api_version,
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:labels": {}, "f:annotations": {}}, "f:spec": fields},
    }
    kept = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(obj)}
    metadata = {
        **obj["metadata"],
        "namespace": obj["metadata"].get("namespace") or "chat",
        "uid": "2c5a8b57-7e9d-4f9f-8f2b-5d1d1b1d1b1d",
        "resourceVersion": "12345",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {**(obj["metadata"].get("annotations") or {}), **kept},
        "managedFields": [manager],
    }
    return {"apiVersion": resource.api_version, **obj, "metadata": metadata}


def _review(
    resource: Resource,
    number: int,
    operation: str,
    new: Mapping[str, Any],
    old: Mapping[str, Any] | None,
) -> dict[str, Any]:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    where = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    request = {
        "uid": f"705ab4f5-6393-11e8-b7cc-{number:012d}",
        "kind": kind,
        "resource": where,
        "requestKind": kind,
        "requestResource": where,
        "name": new["metadata"]["name"],
        "namespace": new["metadata"]["namespace"],
        "operation": operation,
        "userInfo": {"username": "gitops", "groups": ["system:authenticated"]},
        "object": new,
        "oldObject": old,
        "dryRun": False,
        "options": {"kind": f"{operation.title()}Options", "apiVersion": "meta.k8s.io/v1"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
