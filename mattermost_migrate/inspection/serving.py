"""The Service: it selects every pod, and its EndpointSlices hold every one that is ready."""

from __future__ import annotations

from collections.abc import Iterator

from mattermost_migrate.domain.names import POD, SERVICE, SERVICE_NAME_LABEL
from mattermost_migrate.domain.objects import JsonObject, controller_of, labels_of, uid_of
from mattermost_migrate.inspection.subject import Subject, spec_of
from mattermost_migrate.inspection.verdict import Finding, Flaw
from mattermost_migrate.inspection.workload import ready, replica_sets_of

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Everything about who can reach the pods."""
    if subject.coloured or not subject.owners:
        return
    service = subject.scene.get(SERVICE, subject.namespace, subject.name)
    if service is None:
        yield Finding(
            SERVICE.kind,
            subject.namespace,
            subject.name,
            Flaw.MISSING,
            "there is no such Service, so nobody reaches the pods",
            f"kubectl -n {subject.namespace} get services --show-labels",
        )
        return
    yield from _selector(subject, service)
    if subject.replaced:
        return  # one that is drained, and one that was just found ready, may be out of service
    yield from _selected(subject, service)
    yield from _served(subject, service)


def _selector(subject: Subject, service: JsonObject) -> Iterator[Finding]:
    selects = spec_of(service).get("selector") or {}
    if not any(dict(selects) == dict(wanted) for wanted in subject.selectors()):
        described = ",".join(f"{key}={value}" for key, value in sorted(selects.items()))
        yield Finding.of(
            service,
            Flaw.OTHER_SELECTOR,
            f"it selects by {described or 'nothing'}, which is not what the kind that owns the "
            "installation selects by",
        )


def _pods(subject: Subject) -> Iterator[JsonObject]:
    """The pods of the main Deployment, also while none controls their ReplicaSets."""
    deployment = subject.deployment
    for replica_set in replica_sets_of(subject):
        controller = controller_of(replica_set)
        if controller is None or (deployment and controller["uid"] == uid_of(deployment)):
            yield from subject.scene.controlled_by(replica_set, POD)


def _selected(subject: Subject, service: JsonObject) -> Iterator[Finding]:
    selects = spec_of(service).get("selector") or {}
    for pod in _pods(subject):
        if ready(pod) and not selects.items() <= labels_of(pod).items():
            yield Finding.of(
                pod, Flaw.NOT_SELECTED, "it is ready, and the Service does not select it"
            )


def _served(subject: Subject, service: JsonObject) -> Iterator[Finding]:
    served = {
        address
        for each in subject.scene.slices_of(service)
        for endpoint in each.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]
    }
    for pod in _pods(subject):
        address = (pod.get("status") or {}).get("podIP")
        if ready(pod) and address and address not in served:
            yield Finding.of(
                pod,
                Flaw.NOT_SERVED,
                f"it is ready, and no EndpointSlice of the Service holds its address {address}",
                f"kubectl -n {subject.namespace} get endpointslices "
                f"-l {SERVICE_NAME_LABEL}={subject.name} -o yaml",
            )
