"""Which Secrets an installation names, and where: each field is spelled here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.domain.objects import MAPPING, JsonObject

__all__ = ["NamedSecret", "Use", "named_secrets", "needed"]


class Use(Enum):
    """What a Secret is there for; the first three are read by the operator itself."""

    DATABASE = auto()
    FILES = auto()
    LICENSE = auto()
    RESTORE = auto()
    INGRESS = auto()
    PULL = auto()
    POD = auto()


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """A Secret as an installation names it.

    Attributes:
        use: what for.
        field: path that names it, in Kubernetes' form.
        name: of the Secret, in the installation's namespace.
        key: that must be there besides those that its use demands; empty: none.
    """

    use: Use
    field: str
    name: str
    key: str = ""


_Path = tuple[str, ...]
#: Of each kind, by use: the field as it is shown, and the way there inside ``spec``.
_NEEDED: Final[Mapping[str, Mapping[Use, tuple[str, _Path]]]] = {
    kind: {use: (f"spec.{path}", tuple(path.split("."))) for use, path in paths.items()}
    for kind, paths in {
        CLUSTER_INSTALLATION.kind: {
            Use.DATABASE: "database.secret",
            Use.FILES: "minio.secret",
            Use.LICENSE: "mattermostLicenseSecret",
        },
        MATTERMOST.kind: {
            Use.DATABASE: "database.external.secret",
            Use.FILES: "fileStore.external.secret",
            Use.LICENSE: "licenseSecret",
        },
    }.items()
}
#: Who puts one of these on an Ingress has its certificate made, and the Secret with it.
_ISSUERS: Final = ("cert-manager.io/", "kubernetes.io/tls-acme")


def needed(kind: str, installation: JsonObject) -> dict[Use, NamedSecret]:
    """The Secrets without which the operator does not go on, as far as they are named.

    Args:
        kind: ClusterInstallation or Mattermost; of another kind there are none.
        installation: of that kind; what its schema forbids reads as absent.
    """
    spec = installation.get("spec")
    found = {
        use: NamedSecret(use, field, name)
        for use, (field, path) in _NEEDED.get(kind, {}).items()
        if (name := _text(spec, *path))
    }
    if kind == MATTERMOST.kind and not _reads_keys(spec):
        found.pop(Use.FILES, None)
    return found


def named_secrets(kind: str, installation: JsonObject) -> tuple[NamedSecret, ...]:
    """All the Secrets that it names and cannot do without, in the order of their use.

    Left out is what may be missing: what is marked as optional, and certificates that an issuer
    named on the Ingress will make.

    Args:
        kind: ClusterInstallation or Mattermost; of another kind there are none.
        installation: of that kind; what its schema forbids reads as absent.
    """
    if kind not in _NEEDED:
        return ()
    return (*needed(kind, installation).values(), *_others(kind, installation.get("spec")))


def _reads_keys(spec: Any) -> bool:
    """Whether a Mattermost's files are in an external store to which it has keys."""
    external = _at(spec, "fileStore", "external")
    return bool(_text(external, "url")) and _at(external, "useServiceAccount") is not True


def _others(kind: str, spec: Any) -> Iterator[NamedSecret]:
    new = kind == MATTERMOST.kind
    managed = ("database", "operatorManaged") if new else ("database",)
    if _text(spec, *managed, "initBucketURL"):
        yield from _named(Use.RESTORE, spec, *managed, "backupRestoreSecretName")
    if new:
        yield from _of_mattermost(spec)
    for path, entry in _items(spec, "mattermostEnv"):
        yield from _required(entry, path, ("valueFrom", "secretKeyRef"), "name")


def _of_mattermost(spec: Any) -> Iterator[NamedSecret]:
    annotations = _at(spec, "ingress", "annotations")
    issued = isinstance(annotations, MAPPING) and any(
        str(key).startswith(_ISSUERS) for key in annotations
    )
    if not issued and _at(spec, "ingress", "enabled") is True:
        yield from _named(Use.INGRESS, spec, "ingress", "tlsSecret")
    for path, entry in _items(spec, "imagePullSecrets"):
        if name := _text(entry, "name"):
            yield NamedSecret(Use.PULL, f"{path}.name", name)
    for path, entry in _items(spec, "volumes"):
        yield from _required(entry, path, ("secret",), "secretName")


def _named(use: Use, spec: Any, *path: str) -> Iterator[NamedSecret]:
    if name := _text(spec, *path):
        yield NamedSecret(use, ".".join(("spec", *path)), name)


def _required(entry: Any, path: str, reference: _Path, field: str) -> Iterator[NamedSecret]:
    """What a pod does not start without."""
    found = _at(entry, *reference)
    name = _text(found, field)
    if name and _at(found, "optional") is not True:
        where = ".".join((path, *reference, field))
        yield NamedSecret(Use.POD, where, name, _text(found, "key"))


def _items(spec: Any, name: str) -> Iterator[tuple[str, Any]]:
    items = _at(spec, name)
    for index, entry in enumerate(items if isinstance(items, list) else ()):
        yield f"spec.{name}[{index}]", entry


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, MAPPING) else None
    return value


def _text(value: Any, *path: str) -> str:
    found = _at(value, *path)
    return found if isinstance(found, str) else ""
