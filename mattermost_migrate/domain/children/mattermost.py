"""Renders a Mattermost in the order of the v1beta1 controller (operator facts 3.1, 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from mattermost_migrate.domain import inventory
from mattermost_migrate.domain.children import (
    env,
    ingress,
    merge_keys,
    patches,
    probes,
    rbac,
    secrets,
    service,
    update_job,
)
from mattermost_migrate.domain.children.deployment import (
    LICENSE_ANNOTATIONS,
    LICENSE_MOUNT,
    LICENSE_VARIABLE,
    POD_PORTS,
    REVISIONS,
    ROLLING,
    AppContainer,
    Shape,
    deployment,
    license_volume,
)
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.labels import JOB_SERVER, MattermostLabels
from mattermost_migrate.domain.children.mattermost_stores import Stores, image_of
from mattermost_migrate.domain.children.result import (
    Generate,
    PatchStatus,
    Removal,
    Rendered,
)
from mattermost_migrate.domain.children.sequence import collected, wrapped
from mattermost_migrate.domain.defaults import default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    INGRESS,
    INGRESS_CLASS,
    MATTERMOST,
    SERVICE,
    V1BETA1,
)
from mattermost_migrate.domain.objects import Existing, JsonObject

__all__ = ["render_deployments", "render_mattermost"]

_ALB: Final = "alb.ingress.kubernetes.io"


def render_mattermost(mm: JsonObject, existing: Existing, *, generate: Generate) -> Rendered:
    """The children of a Mattermost.

    Args:
        mm: the custom resource; defaults are applied here.
        existing: Secrets, claims, the ServiceAccount and the MinIO Service it refers to.
        generate: gives random text where a password must be made up.
    """
    try:
        render = _Render.of(mm, existing, generate)
    except RefusedError as refused:
        return Rendered(error=refused.faults[0].message)
    children, error = collected(render.children())
    removals = () if error else tuple(render.removals())
    return Rendered(children, removals, error, dict(render.patch_status))


def render_deployments(mm: JsonObject, existing: Existing, *, generate: Generate) -> Rendered:
    """The same, but of the children only what the pods are generated from, and no removals.

    Nothing that is left out can fail; what would record the children in themselves is left out too.
    """
    try:
        render = _Render.of(mm, existing, generate, recorded=False)
    except RefusedError as refused:
        return Rendered(error=refused.faults[0].message)
    children, error = collected(render.workload())
    return Rendered(children, (), error, dict(render.patch_status))


@dataclass(frozen=True, slots=True)
class _Render:
    """One rendering; each method yields what one step of the controller writes."""

    owner: JsonObject
    installation: Installation
    stores: Stores
    patch_status: dict[str, PatchStatus] = field(default_factory=dict)

    @classmethod
    def of(
        cls, mm: JsonObject, existing: Existing, generate: Generate, *, recorded: bool = True
    ) -> Self:
        """Of a Mattermost, defaults applied; RefusedError where they cannot be."""
        mm = default_mattermost(mm)
        installation = Installation.of(mm, MATTERMOST, V1BETA1, recorded=recorded)
        return cls(mm, installation, Stores(installation, existing, generate))

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.installation.spec

    @property
    def labels(self) -> MattermostLabels:
        return MattermostLabels(self.installation.name, self.spec)

    @property
    def host(self) -> str:
        section = self.spec.get("ingress")
        found = self.spec["ingressName"] if section is None else section.get("host")
        return found or ""

    @property
    def ingress_annotations(self) -> Mapping[str, str]:
        section = self.spec.get("ingress")
        if section is None:
            return self.spec.get("ingressAnnotations") or {}
        return section.get("annotations") or {}

    @property
    def balancer(self) -> Mapping[str, Any]:
        """The AWS load balancer's section; empty when it is off."""
        section = self.spec.get("awsLoadBalancerController") or {}
        return section if section.get("enabled") else {}

    @property
    def ingress_enabled(self) -> bool:
        section = self.spec.get("ingress")
        return section is None or section["enabled"]

    @property
    def job_server(self) -> bool:
        return bool((self.spec.get("jobServer") or {}).get("dedicatedJobServer"))

    def workload(self) -> Iterator[JsonObject]:
        yield from self._stored()
        yield from self._deployment()

    def children(self) -> Iterator[JsonObject]:
        yield from self._stored()
        yield self._carried(self._patched("service", self._service()))
        external = self.spec["fileStore"].get("external") or {}
        if not external.get("useServiceAccount"):
            yield rbac.service_account(self.installation)
        yield rbac.role(self.installation)
        yield rbac.role_binding(self.installation)
        if not self.spec.get("useServiceLoadBalancer"):
            yield from self._ingress()
        yield from self._deployment()

    def _stored(self) -> Iterator[JsonObject]:
        yield from self.stores.database()
        yield from self.stores.files()
        if license_secret := self.spec.get("licenseSecret"):
            with wrapped("failed to check mattermost license secret."):
                secrets.require_key(self.stores.existing, license_secret, "license")

    def removals(self) -> Iterator[Removal]:
        name = self.installation.name
        if not self.spec.get("useServiceLoadBalancer"):
            if not self.balancer or self.balancer.get("ingressClassName"):
                yield Removal(INGRESS_CLASS, name)
            if not self.ingress_enabled and not self.balancer:
                yield Removal(INGRESS, name)
        if not self.job_server:
            yield Removal(DEPLOYMENT, inventory.job_server(name))

    def _patched(self, which: str, made: JsonObject) -> JsonObject:
        section = self.spec.get("resourcePatch") or {}
        made, status = patches.patched(made, section.get(which))
        if status is not None:
            self.patch_status[f"{which}Patch"] = status
        return made

    def _carried(self, made: JsonObject) -> JsonObject:
        """With the live Service's addresses, unless its type changes and it is made anew."""
        live = self.stores.existing.get(SERVICE, self.installation.name)
        kind = ((live or {}).get("spec") or {}).get("type")
        return made if kind and kind != made["spec"]["type"] else service.carried(made, live)

    def _service(self) -> JsonObject:
        form = service.HEADLESS
        if self.balancer:
            form = service.NODE_PORT
        elif self.spec.get("useServiceLoadBalancer"):
            form = service.LOAD_BALANCER
        return service.service(
            self.installation,
            self.installation.name,
            selects=self.installation.name,
            form=form,
            labels=self.labels.objects(),
            annotations=self.spec.get("serviceAnnotations") or {},
        )

    def _ingress(self) -> Iterator[JsonObject]:
        if self.balancer:
            if not self.balancer.get("ingressClassName"):
                yield ingress.ingress_class(self.installation, self.labels.objects())
            yield self._balancer_ingress()
        elif self.ingress_enabled:
            yield self._plain_ingress()

    def _plain_ingress(self) -> JsonObject:
        section = self.spec.get("ingress")
        own = ingress.sanitized(self.ingress_annotations)
        hosts = [self.host]
        if section is None:
            class_name = None
            tls = ingress.default_tls_secret(self.host) if self.spec.get("useIngressTLS") else ""
        else:
            class_name, tls = section.get("ingressClass"), section.get("tlsSecret", "")
            hosts += [entry.get("hostName", "") for entry in section.get("hosts") or ()]
        by_annotation = ingress.CLASS_ANNOTATION if class_name is None else {}
        return ingress.ingress(
            self.installation,
            self.installation.name,
            hosts=list(dict.fromkeys(hosts)),
            labels=self.labels.objects(),
            annotations={**ingress.BODY_SIZE, **by_annotation, **own},
            tls_secret=tls,
            class_name=class_name,
        )

    def _balancer_ingress(self) -> JsonObject:
        section = self.balancer
        facing = "internet-facing" if section.get("internetFacing") else "internal"
        annotations = {f"{_ALB}/scheme": facing}
        if certificate := section.get("certificateARN"):
            annotations[f"{_ALB}/certificate-arn"] = certificate
            annotations[f"{_ALB}/ssl-redirect"] = "443"
            annotations[f"{_ALB}/listen-ports"] = '[{"HTTP": 80}, {"HTTPS":443}]'
        else:
            annotations[f"{_ALB}/listen-ports"] = '[{"HTTP": 8065}]'
        return ingress.ingress(
            self.installation,
            self.installation.name,
            hosts=[entry.get("hostName", "") for entry in section["hosts"]],
            labels=self.labels.objects(),
            annotations={**annotations, **ingress.sanitized(section.get("annotations") or {})},
            class_name=section.get("ingressClassName") or self.installation.name,
        )

    def _deployment(self) -> Iterator[JsonObject]:
        pod = self._pod()
        plain = deployment(self.installation, self.installation.name, self._shape(), pod)
        made = self._patched("deployment", plain)
        yield made
        with wrapped("failed to update mattermost deployment"):
            update_job.require_app(self.owner, made)
            merge_keys.require(made)
        if self.job_server:
            made = self._patched("deployment", self._job_server(pod))
            yield made
            merge_keys.require(made)

    def _shape(self) -> Shape:
        template = self.spec.get("deploymentTemplate") or {}
        pod_template = self.spec.get("podTemplate") or {}
        recreate = template.get("deploymentStrategyType") == "Recreate"
        licensed = LICENSE_ANNOTATIONS if self.spec.get("licenseSecret") else {}
        return Shape(
            labels=self.labels.deployment(),
            pod_labels=self.labels.pods(),
            pod_annotations={**(pod_template.get("extraAnnotations") or {}), **licensed},
            replicas=self.spec["replicas"],
            strategy={"type": "Recreate"} if recreate else ROLLING,
            revisions=template.get("revisionHistoryLimit", REVISIONS),
        )

    def _job_server(self, pod: Mapping[str, Any]) -> JsonObject:
        """The main Deployment again, with one container that only runs jobs."""
        container = dict(pod["containers"][0])
        for key in ("ports", "livenessProbe", "readinessProbe"):
            del container[key]
        container |= {"name": JOB_SERVER, "command": ["mattermost", "jobserver"]}
        pod_labels = self.labels.job_server_pods()
        main = self._shape()
        shape = Shape(
            labels=self.labels.job_server(),
            pod_labels=pod_labels,
            pod_annotations=main.pod_annotations,
            replicas=1,
            strategy=main.strategy,
            revisions=main.revisions,
            selector=pod_labels,
        )
        name = inventory.job_server(self.installation.name)
        return deployment(self.installation, name, shape, {**pod, "containers": [container]})

    def _pod(self) -> dict[str, Any]:
        files = self.stores.file_part()
        database = self.stores.database_part()
        extensions = self.spec["podExtensions"]
        scheduling = self.spec["scheduling"]
        license_secret = self.spec.get("licenseSecret")
        licensed = [license_volume(license_secret)] if license_secret else []
        return {
            "initContainers": [
                *database.init_containers,
                *files.init_containers,
                *(extensions.get("initContainers") or ()),
            ],
            "containers": [
                self._container().to_json(),
                *(extensions.get("sidecarContainers") or ()),
            ],
            "volumes": [*(self.spec.get("volumes") or ()), *files.volumes, *licensed],
            "imagePullSecrets": self.spec.get("imagePullSecrets"),
            "dnsConfig": self.spec.get("dnsConfig"),
            "dnsPolicy": self.spec.get("dnsPolicy"),
            "affinity": scheduling.get("affinity"),
            "nodeSelector": scheduling.get("nodeSelector"),
            "tolerations": scheduling.get("tolerations"),
            "securityContext": (self.spec.get("podTemplate") or {}).get("securityContext"),
        }

    def _container(self) -> AppContainer:
        files = self.stores.file_part()
        template = self.spec.get("podTemplate") or {}
        mounts = [*(self.spec.get("volumeMounts") or ()), *files.mounts]
        if self.spec.get("licenseSecret"):
            mounts.append(LICENSE_MOUNT)
        ports = [*POD_PORTS, *(self.spec["podExtensions"].get("containerPorts") or ())]
        return AppContainer(
            image=image_of(self.spec),
            pull_policy=self.spec["imagePullPolicy"],
            env=self._env(files.env),
            liveness=probes.liveness(self.spec["probes"]["livenessProbe"]),
            readiness=probes.readiness(self.spec["probes"]["readinessProbe"]),
            resources=self.spec["scheduling"]["resources"],
            mounts=mounts,
            command=template.get("command") or ("mattermost",),
            ports=ports,
            security_context=template.get("containerSecurityContext"),
        )

    def _env(self, files: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
        size = env.max_file_size(
            self.ingress_annotations,
            load_balancer=bool(self.spec.get("useServiceLoadBalancer")),
        )
        jobs = [env.variable("MM_JOBSETTINGS_RUNJOBS", "false")] if self.job_server else []
        licensed = [LICENSE_VARIABLE] if self.spec.get("licenseSecret") else []
        generated = [
            *self.stores.database_part().env,
            *files,
            *env.elastic_search(self.spec["elasticSearch"]),
            *env.general(self.host, size),
            *jobs,
            *licensed,
        ]
        return env.merged(generated, self.spec.get("mattermostEnv") or ())
