"""Database and file store of a Mattermost: objects, part of the pod (operator facts 3.3, 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mattermost_migrate.domain.children import check_url, env, file_store, secrets, stores
from mattermost_migrate.domain.children import database as db
from mattermost_migrate.domain.children.deployment import image_name
from mattermost_migrate.domain.children.installation import Installation
from mattermost_migrate.domain.children.labels import MattermostLabels
from mattermost_migrate.domain.children.result import ChildError, Generate
from mattermost_migrate.domain.children.sequence import wrapped
from mattermost_migrate.domain.defaults.common import STORAGE_SIZE
from mattermost_migrate.domain.names import PERSISTENT_VOLUME_CLAIM, SECRET, SERVICE_ACCOUNT
from mattermost_migrate.domain.objects import Existing, JsonObject, annotations_of

__all__ = ["Stores", "image_of"]

_ROLE_ARN: Final = "eks.amazonaws.com/role-arn"
_DEFAULT_TIMEOUT: Final = "5m0s"
_USABLE_PHASES: Final = ("Bound", "Pending")


def image_of(spec: Mapping[str, Any]) -> str:
    """The image a Mattermost runs."""
    version = spec["version"]
    return image_name(spec["image"], version, digest=version.startswith("sha256:"))


@dataclass(frozen=True, slots=True)
class Stores:
    """What keeps an installation's data.

    Attributes:
        installation: whose data.
        existing: what its spec refers to.
        generate: random text for passwords.
        parts: what each store adds to the pod, once its objects were yielded.
    """

    installation: Installation
    existing: Existing
    generate: Generate
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> Mapping[str, Any]:
        """The Mattermost's spec, with defaults."""
        return self.installation.spec

    def database_part(self) -> db.DatabasePart:
        """What the database adds to the pod; after ``database()`` ran."""
        part: db.DatabasePart = self.parts["database"]
        return part

    def file_part(self) -> file_store.FileStorePart:
        """What the file store adds to the pod; after ``files()`` ran."""
        part: file_store.FileStorePart = self.parts["files"]
        return part

    def database(self) -> Iterator[JsonObject]:
        """The database's objects.

        Raises:
            ChildError: its secret cannot be used, or nobody can run such a database.
        """
        section = self.spec["database"]
        external = (section.get("external") or {}).get("secret")
        if external:
            self.parts["database"] = self._external_database(external)
            return
        managed = section["operatorManaged"]
        match managed["type"]:
            case "mysql":
                yield from self._mysql(managed)
            case "postgres":
                raise ChildError("database type 'postgres' not yet implemented")
            case other:
                raise ChildError(f"database of type '{other}' is not supported")

    def _mysql(self, section: Mapping[str, Any]) -> Iterator[JsonObject]:
        name = self.installation.mysql_secret
        yield stores.mysql_cluster(self.installation, section, name)
        secret = self.existing.get(SECRET, name)
        if secret is None:
            secret = secrets.mysql_secret(self.installation, self.generate)
            yield secret
        data = secrets.data_of(secret)
        db.require_mysql(data)
        disabled = self.spec["database"].get("disableReadinessCheck")
        self.parts["database"] = db.DatabasePart(
            db.mysql_env(self.installation, name, data),
            [] if disabled else db.mysql_check(self.installation),
        )

    def _external_database(self, name: str) -> db.DatabasePart:
        with wrapped("failed to get external db Secret"):
            data = secrets.read(self.existing, name)
        if db.CONNECTION not in data:
            raise ChildError("external database Secret does not containt DB_CONNECTION_STRING key")
        if not data[db.CONNECTION]:
            raise ChildError("external database connection string is empty")
        kind = db.database_type(data[db.CONNECTION])
        if db.CHECK_URL in data:
            url = data[db.CHECK_URL].decode(errors="replace")
            if problem := check_url.fault(url, kind):
                raise ChildError(f"invalid {db.CHECK_URL}: {problem}")
        source = db.DATASOURCE if db.DATASOURCE in data else db.CONNECTION
        variables = [
            env.from_secret("MM_CONFIG", name, db.CONNECTION),
            env.from_secret(db.DATASOURCE, name, source),
        ]
        checks = self._database_check(name, kind, variables, has_url=db.CHECK_URL in data)
        if db.READERS in data:
            variables = [*variables, env.from_secret(db.READERS, name, db.READERS)]
        return db.DatabasePart(variables, checks)

    def _database_check(
        self, secret: str, kind: str, variables: list[dict[str, Any]], *, has_url: bool
    ) -> list[dict[str, Any]]:
        section = self.spec["database"]
        if section.get("disableReadinessCheck"):
            return []
        check = section.get("readinessCheck") or {}
        if check.get("mode") == "builtin":
            timeout = check.get("timeout", _DEFAULT_TIMEOUT)
            policy = self.spec["imagePullPolicy"]
            return db.builtin_check(image_of(self.spec), policy, variables, timeout)
        return db.external_check(secret, kind) if has_url else []

    def files(self) -> Iterator[JsonObject]:
        """The file store's objects.

        Raises:
            ChildError: what the spec refers to is missing or cannot be used.
        """
        section = self.spec["fileStore"]
        external, volume, local = (
            section.get(key) or {} for key in ("external", "externalVolume", "local")
        )
        if external.get("url"):
            self.parts["files"] = self._external_files(external)
        elif claim := volume.get("volumeClaimName"):
            self._require_usable(claim)
            self.parts["files"] = file_store.volume_store(claim)
        elif local.get("enabled"):
            yield self._claim(local)
            self.parts["files"] = file_store.volume_store(self.installation.name)
        else:
            yield from self._minio(section["operatorManaged"])

    def _minio(self, section: Mapping[str, Any]) -> Iterator[JsonObject]:
        name, secret = self.installation.name, self.installation.minio_secret
        yield secrets.minio_secret(self.installation, self.existing, self.generate)
        yield stores.minio_instance(self.installation, section, secret)
        with wrapped("failed to get Minio URL"):
            address = file_store.minio_address(self.installation, self.existing)
        self.parts["files"] = file_store.FileStorePart(
            env=_bucket(name, address, secret, ssl=False),
            init_containers=file_store.minio_init(name, address, secret),
        )

    def _external_files(self, section: Mapping[str, Any]) -> file_store.FileStorePart:
        secret = "" if section.get("useServiceAccount") else section.get("secret", "")
        data: Mapping[str, bytes] | None = None
        if section.get("useServiceAccount"):
            self._require_role()
        else:
            data = secrets.read(self.existing, secret)
        bucket = section.get("bucket")
        if not bucket:
            raise ChildError("external file store bucket is empty")
        for key in ("accesskey", "secretkey"):
            if data is not None and key not in data:
                raise ChildError(
                    f"external filestore Secret {secret} does not have an '{key}' value"
                )
        return file_store.FileStorePart(env=_bucket(bucket, section["url"], secret, ssl=True))

    def _require_role(self) -> None:
        name = self.installation.name
        wanted = "if fileStore.external.useServiceAccount is true"
        account = self.existing.get(SERVICE_ACCOUNT, name)
        if account is None:
            raise ChildError(
                f"service account needs to be created manually {wanted}: "
                f'serviceaccounts "{name}" not found'
            )
        if _ROLE_ARN not in annotations_of(account):
            raise ChildError(
                f'service account does not have "{_ROLE_ARN}" annotation, '
                f"which is required {wanted}"
            )

    def _require_usable(self, name: str) -> None:
        claim = self.existing.get(PERSISTENT_VOLUME_CLAIM, name)
        if claim is None:
            raise ChildError(f'persistentvolumeclaims "{name}" not found')
        phase = (claim.get("status") or {}).get("phase", "")
        if phase not in _USABLE_PHASES:
            raise ChildError(
                f"specified PVC for external volume storage is not Bound or Pending ({phase})"
            )

    def _claim(self, section: Mapping[str, Any]) -> JsonObject:
        name = self.installation.name
        live = self.existing.get(PERSISTENT_VOLUME_CLAIM, name)
        given = section.get("accessModes") or []
        current = ((live or {}).get("spec") or {}).get("accessModes") or []
        modes = given or (["ReadWriteMany"] if live is None else current)
        if live is not None and given and not _same_modes(current, given):
            raise ChildError(
                f"cannot change PVC access modes from [{' '.join(current)}] to [{' '.join(modes)}]"
                " as this requires PVC recreation which may cause data loss. Please manually "
                "migrate data and recreate the PVC with a different name if you need to change "
                "access modes"
            )
        labels = MattermostLabels(name, self.spec).objects()
        metadata = {"name": name, "namespace": self.installation.namespace, "labels": labels}
        spec = stores.claim_spec(section.get("storageSize") or STORAGE_SIZE, *modes)
        if live is None:
            return self.installation.adopted(PERSISTENT_VOLUME_CLAIM, metadata, spec=spec)
        # A claim that was there may be the user's own: owning it would delete their files one day.
        return self.installation.child(PERSISTENT_VOLUME_CLAIM, metadata, spec=spec)


def _same_modes(current: list[str], given: list[str]) -> bool:
    return len(current) == len(given) and set(current) <= set(given)


def _bucket(bucket: str, address: str, secret: str, *, ssl: bool) -> list[dict[str, Any]]:
    """The S3 block in the v1beta1 controller's order."""
    return [
        env.variable("MM_FILESETTINGS_DRIVERNAME", "amazons3"),
        *file_store.bucket_env(bucket, address, ssl=ssl),
        *(file_store.key_env(secret) if secret else []),
    ]
