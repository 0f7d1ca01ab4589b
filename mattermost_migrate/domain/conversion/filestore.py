"""``spec.minio``: an external S3 store, or a MinIOInstance that the operator keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from mattermost_migrate.domain.conversion import credentials
from mattermost_migrate.domain.conversion.source import Source, plain
from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.inventory import minio_secret
from mattermost_migrate.domain.names import SECRET
from mattermost_migrate.domain.objects import JsonObject

__all__ = [
    "KEYS",
    "SSL",
    "backward",
    "env_backward",
    "env_forward",
    "faults",
    "forward",
    "warnings",
]

SSL: Final = "MM_FILESETTINGS_AMAZONS3SSL"
_BUCKET: Final = "MM_FILESETTINGS_AMAZONS3BUCKET"
_FIELD: Final = "spec.minio.secret"
#: What the Secret of an external store must hold.
KEYS: Final = ("accesskey", "secretkey")
_CARRIED: Final = ("storageSize", "replicas")


def forward(source: Source) -> dict[str, Any]:
    """``external`` with every field filled in, or ``operatorManaged``.

    A ClusterInstallation falls back on a bucket named after itself and on the generated Secret; a
    Mattermost refuses to go on without (operator facts 5.3). Negative numbers of replicas reach the
    MinIOInstance as they are.
    """
    given = source.spec.get("minio", {})
    if url := given.get("externalURL"):
        return {
            "external": {
                "url": url,
                "bucket": given.get("externalBucket") or source.name,
                "secret": given.get("secret") or minio_secret(source.name),
            }
        }
    managed = {name: given[name] for name in _CARRIED if name in given}
    return {"operatorManaged": {**managed, "resources": given.get("resources", {})}}


def backward(spec: JsonObject) -> dict[str, Any]:
    """The ClusterInstallation's ``minio``."""
    store = spec.get("fileStore", {})
    external = store.get("external", {})
    if external.get("url"):
        return {
            "externalURL": external["url"],
            "resources": {},
            **plain(externalBucket=external.get("bucket"), secret=external.get("secret")),
        }
    managed = store.get("operatorManaged", {})
    return {
        **{name: managed[name] for name in _CARRIED if name in managed},
        "resources": managed.get("resources", {}),
    }


def env_forward(source: Source) -> tuple[JsonObject, ...]:
    """The entries that ``mattermostEnv`` needs so that the pods go on as they are.

    A ClusterInstallation talks to every store without TLS, a Mattermost to every external one
    with it (operator facts 4.2). A ClusterInstallation uses ``externalBucket`` even in the store
    the operator keeps, where a Mattermost always uses its own name (operator facts 2.4, 3.3).
    An entry of the user's own decides in both kinds.
    """
    given = source.spec.get("minio", {})
    bucket = given.get("externalBucket") or source.name
    if given.get("externalURL"):
        wanted = {"name": SSL, "value": "false"}
    elif bucket != source.name:
        wanted = {"name": _BUCKET, "value": bucket}
    else:
        return ()
    return () if _names(source.spec.get("mattermostEnv", []), wanted["name"]) else (wanted,)


def env_backward(spec: JsonObject, added: Sequence[JsonObject]) -> dict[str, Any]:
    """``mattermostEnv`` of the ClusterInstallation, where there is one.

    Our own entry goes, as long as it still says what it said. Where there is none, somebody wants
    the Mattermost's default, and a ClusterInstallation must be told.
    """
    given = spec.get("mattermostEnv", [])
    env = [entry for entry in given if entry not in added] if added else given
    external = spec.get("fileStore", {}).get("external", {}).get("url")
    if external and not _names(given, SSL):
        env = [*env, {"name": SSL, "value": "true"}]
    return {"mattermostEnv": env} if env else {}


def _names(env: Sequence[JsonObject], name: str) -> bool:
    return any(entry["name"] == name for entry in env)


def faults(source: Source) -> Iterator[Fault]:
    """A Secret that is missing or incomplete, and a MinIOInstance under another name."""
    given = source.spec.get("minio", {})
    generated = minio_secret(source.name)
    name = given.get("secret") or ""
    if name:
        yield from credentials.lacking(source, name, keys=KEYS, field=_FIELD)
    elif given.get("externalURL") and source.existing.get(SECRET, generated):
        yield from credentials.lacking(source, generated, keys=KEYS, field=_FIELD)
    if name not in ("", generated) and not given.get("externalURL"):
        yield Fault(
            _FIELD,
            f"the store is kept by the operator as MinIOInstance {name!r}, and a Mattermost would "
            f"make a new, empty one named {generated!r}; make it an external one first: set "
            f"externalURL to the address the pods use now, and externalBucket to {source.name!r}",
        )


def warnings(source: Source) -> Iterator[Fault]:
    """A generated Secret that the Mattermost is told to use, and that is not to be seen."""
    given = source.spec.get("minio", {})
    generated = minio_secret(source.name)
    unseen = source.existing.get(SECRET, generated) is None
    if given.get("externalURL") and not given.get("secret") and unseen:
        yield Fault(
            _FIELD,
            f"is empty, so Secret {generated!r} is named, as the operator generates it; "
            "it was not among the objects given and must exist",
            "SecretNotSeen",
        )
