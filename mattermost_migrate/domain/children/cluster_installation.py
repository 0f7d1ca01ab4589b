"""Renders a ClusterInstallation in the v1alpha1 controller's order (operator facts 2.1, 2.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mattermost_migrate.domain.children import database as db
from mattermost_migrate.domain.children import (
    env,
    file_store,
    ingress,
    merge_keys,
    probes,
    rbac,
    secrets,
    service,
    stores,
)
from mattermost_migrate.domain.children.deployment import (
    LICENSE_ANNOTATIONS,
    LICENSE_MOUNT,
    LICENSE_VARIABLE,
    AppContainer,
    Shape,
    deployment,
    image_name,
    license_volume,
)
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.result import ChildError, Generate, Removal, Rendered
from mattermost_migrate.domain.children.sequence import collected, wrapped
from mattermost_migrate.domain.defaults import default_cluster_installation
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    SECRET,
    SERVICE,
    V1ALPHA1,
)
from mattermost_migrate.domain.objects import Existing, JsonObject

__all__ = ["object_labels", "render_cluster_installation"]

_CANARY_ANNOTATIONS: Final = {
    **ingress.CLASS_ANNOTATION,
    "nginx.ingress.kubernetes.io/canary": "true",
    "nginx.ingress.kubernetes.io/canary-by-cookie": "canary",
}


def render_cluster_installation(
    ci: JsonObject, existing: Existing, *, generate: Generate
) -> Rendered:
    """The children of a ClusterInstallation.

    Args:
        ci: the custom resource; defaults are applied here.
        existing: Secrets and the MinIO Service it refers to.
        generate: gives random text where a password must be made up.
    """
    try:
        ci = default_cluster_installation(ci)
    except RefusedError as refused:
        return Rendered(error=refused.faults[0].message)
    installation = Installation.of(ci, CLUSTER_INSTALLATION, V1ALPHA1)
    children, error = collected(_Render(installation, existing, generate).children())
    return Rendered(children, () if error else tuple(_removals(ci)), error)


def object_labels(name: str, spec: Mapping[str, Any]) -> dict[str, str]:
    """Labels of every object and pod: the user's win over the kind's (operator facts 0.3)."""
    own = spec.get("resourceLabels")
    colours = spec["blueGreen"]
    if colours.get("enable"):
        own = colours[colours["productionDeployment"]].get("resourceLabels")
    return {**V1ALPHA1.selector(name), **(own or {})}


def _removals(ci: JsonObject) -> Iterator[Removal]:
    colours = ci["spec"]["blueGreen"]
    if colours.get("enable"):
        yield Removal(DEPLOYMENT, ci["metadata"]["name"])
        return
    status = ci.get("status") or {}
    for name in (status.get("blueName"), status.get("greenName")):
        if name:
            yield from (Removal(kind, name) for kind in (DEPLOYMENT, SERVICE, INGRESS))


@dataclass(frozen=True, slots=True)
class _Variant:
    """One Deployment of the installation: itself, a colour, or the canary."""

    name: str
    host: str
    image: str


@dataclass(frozen=True, slots=True)
class _Render:
    """One rendering; each method yields what one step of the controller writes."""

    installation: Installation
    existing: Existing
    generate: Generate
    made: dict[str, JsonObject] = field(default_factory=dict)

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.installation.spec

    def children(self) -> Iterator[JsonObject]:
        yield from self._database()
        yield from self._minio()
        yield from self._main()
        yield from self._blue_green()
        yield from self._canary()

    def _database(self) -> Iterator[JsonObject]:
        section = self.spec["database"]
        if section.get("secret"):
            data = self._database_secret()
            if db.CONNECTION in data:
                return
        match section["type"]:
            case "mysql":
                secret = section.get("secret") or self.installation.mysql_secret
                yield stores.mysql_cluster(self.installation, section, secret)
            case "postgres":
                raise ChildError("database type 'postgres' not yet implemented")
            case _:
                raise ChildError(
                    'ClusterInstallation.mattermost.com "Database type invalid" is invalid'
                )

    def _database_secret(self) -> dict[str, bytes]:
        with wrapped("failed to get database secret"):
            data = secrets.read(self.existing, self.spec["database"]["secret"])
        if db.CONNECTION not in data:
            with wrapped("database secret is not valid"):
                db.require_mysql(data)
        return data

    def _minio(self) -> Iterator[JsonObject]:
        section = self.spec["minio"]
        name = section.get("secret")
        if name:
            data = secrets.read(self.existing, name)
            for key in ("accesskey", "secretkey"):
                if key not in data:
                    raise ChildError(f"custom Minio Secret {name} does not have an '{key}' value")
        else:
            yield secrets.minio_secret(self.installation, self.existing, self.generate)
        if not section.get("externalURL"):
            name = name or self.installation.minio_secret
            yield stores.minio_instance(self.installation, section, name)

    def _main(self) -> Iterator[JsonObject]:
        name, host = self.installation.name, self.spec["ingressName"]
        colours = self.spec["blueGreen"]
        production = name
        if colours.get("enable"):
            production = colours[colours["productionDeployment"]]["name"]
        yield self._service(name, production)
        yield rbac.service_account(self.installation)
        yield rbac.role(self.installation)
        yield rbac.role_binding(self.installation)
        if not self.spec.get("useServiceLoadBalancer"):
            own = self.spec.get("ingressAnnotations") or {}
            annotations = {**ingress.CLASS_ANNOTATION, **ingress.BODY_SIZE, **own}
            yield self._ingress(name, host, annotations)
        if not colours.get("enable"):
            version = self.spec["version"]
            digest = version.startswith("sha256:")
            image = image_name(self.spec["image"], version, digest=digest)
            yield from self._deployment(_Variant(name, host, image))

    def _blue_green(self) -> Iterator[JsonObject]:
        colours = self.spec["blueGreen"]
        if not colours.get("enable"):
            return
        for colour in (colours["blue"], colours["green"]):
            yield self._service(colour["name"], colour["name"])
            if not self.spec.get("useServiceLoadBalancer"):
                own = self.spec.get("ingressAnnotations") or {}
                yield self._ingress(colour["name"], colour["ingressName"], own)
            yield from self._deployment(_variant(colour, colour["ingressName"]))

    def _canary(self) -> Iterator[JsonObject]:
        canary = self.spec["canary"]
        if not canary.get("enable"):
            return
        app, host = canary["deployment"], self.spec["ingressName"]
        yield self._service(app["name"], app["name"])
        yield self._ingress(app["name"], host, _CANARY_ANNOTATIONS)
        yield from self._deployment(_variant(app, host))

    def _service(self, name: str, selects: str) -> JsonObject:
        balanced = self.spec.get("useServiceLoadBalancer")
        annotations = self.spec.get("serviceAnnotations") if balanced else None
        made = service.service(
            self.installation,
            name,
            selects=selects,
            form=service.LOAD_BALANCER if balanced else service.HEADLESS,
            labels=object_labels(name, self.spec),
            annotations=annotations or {},
        )
        return service.carried(made, self.existing.get(SERVICE, name))

    def _ingress(self, name: str, host: str, annotations: Mapping[str, str]) -> JsonObject:
        secret = ingress.default_tls_secret(host) if self.spec.get("useIngressTLS") else ""
        return ingress.ingress(
            self.installation,
            name,
            hosts=[host],
            labels=object_labels(name, self.spec),
            annotations=annotations,
            tls_secret=secret,
        )

    def _deployment(self, variant: _Variant) -> Iterator[JsonObject]:
        needed, database = self._database_part()
        yield from needed
        files = self._file_store_part()
        license_secret = self.spec.get("mattermostLicenseSecret")
        if license_secret:
            with wrapped("failed to get mattermost license secret."):
                secrets.require_key(self.existing, license_secret, "license")
        labels = object_labels(variant.name, self.spec)
        shape = Shape(
            labels=labels,
            pod_labels=labels,
            pod_annotations=LICENSE_ANNOTATIONS if license_secret else {},
            replicas=max(self.spec["replicas"], 0),
        )
        pod = {
            "initContainers": [*database.init_containers, *files.init_containers],
            "containers": [self._container(variant, database, files).to_json()],
            "volumes": [license_volume(license_secret)] if license_secret else [],
            "affinity": self.spec.get("affinity"),
            "nodeSelector": self.spec.get("nodeSelector"),
        }
        made = deployment(self.installation, variant.name, shape, pod)
        yield made
        with wrapped("failed to update mattermost deployment"):
            merge_keys.require(made)

    def _container(
        self, variant: _Variant, database: db.DatabasePart, files: file_store.FileStorePart
    ) -> AppContainer:
        size = env.max_file_size(
            self.spec.get("ingressAnnotations") or {},
            load_balancer=bool(self.spec.get("useServiceLoadBalancer")),
        )
        licensed = bool(self.spec.get("mattermostLicenseSecret"))
        generated = [
            *database.env,
            *files.env,
            *env.elastic_search(self.spec["elasticSearch"]),
            *env.general(variant.host, size),
            *([LICENSE_VARIABLE] if licensed else []),
        ]
        return AppContainer(
            image=variant.image,
            pull_policy=self.spec["imagePullPolicy"],
            env=env.merged(generated, self.spec.get("mattermostEnv") or ()),
            liveness=probes.liveness(self.spec["livenessProbe"]),
            readiness=probes.readiness(self.spec["readinessProbe"]),
            resources=self.spec["resources"],
            mounts=[LICENSE_MOUNT] if licensed else [],
        )

    def _database_part(self) -> tuple[list[JsonObject], db.DatabasePart]:
        """The database's part of the pod, and the secret to make for it."""
        name = self.spec["database"].get("secret")
        if name:
            return [], self._named_database(name, self._database_secret())
        name = self.installation.mysql_secret
        secret = self.existing.get(SECRET, name) or self.made.get(name)
        made: list[JsonObject] = []
        if secret is None:
            secret = self.made[name] = secrets.mysql_secret(self.installation, self.generate)
            made = [secret]
        data = secrets.data_of(secret)
        if db.CONNECTION not in data:
            with wrapped("failed to get database information"):
                db.require_mysql(data)
        return made, self._named_database(name, data)

    def _named_database(self, name: str, data: Mapping[str, bytes]) -> db.DatabasePart:
        if db.CONNECTION not in data:
            return db.DatabasePart(
                db.mysql_env(self.installation, name, data), db.mysql_check(self.installation)
            )
        variables = [env.from_secret("MM_CONFIG", name, db.CONNECTION)]
        if db.READERS in data:
            variables.insert(0, env.from_secret(db.READERS, name, db.READERS))
        kind = db.database_type(data[db.CONNECTION])
        checks = db.external_check(name, kind) if db.CHECK_URL in data else []
        return db.DatabasePart(variables, checks)

    def _file_store_part(self) -> file_store.FileStorePart:
        section = self.spec["minio"]
        secret = section.get("secret") or self.installation.minio_secret
        bucket = section.get("externalBucket") or self.installation.name
        address, init = section.get("externalURL"), []
        if not address:
            with wrapped("failed to get minio service."):
                address = file_store.minio_address(self.installation, self.existing)
            init = file_store.minio_init(self.installation.name, address, secret)
        return file_store.FileStorePart(
            env=[
                env.variable("MM_FILESETTINGS_DRIVERNAME", "amazons3"),
                *file_store.key_env(secret),
                *file_store.bucket_env(bucket, address, ssl=False),
            ],
            init_containers=init,
        )


def _variant(app: Mapping[str, Any], host: str) -> _Variant:
    """A colour or the canary; a digest anywhere in the version counts as one."""
    image = image_name(app["image"], app["version"], digest="sha256:" in app["version"])
    return _Variant(app["name"], host, image)
