"""From a ClusterInstallation to the Mattermost that does the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mattermost_migrate.domain.conversion import (
    database,
    filestore,
    labels,
    metadata,
    network,
    parallel,
    workload,
)
from mattermost_migrate.domain.conversion.record import ORIGINAL, Record
from mattermost_migrate.domain.conversion.reverse import derive, original
from mattermost_migrate.domain.conversion.shape import require_shape
from mattermost_migrate.domain.conversion.source import Source
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.domain.objects import (
    ANNOTATIONS_LIMIT,
    Existing,
    JsonObject,
    annotations_of,
    annotations_size,
    name_of,
)

__all__ = ["Converted", "convert", "mattermost_spec"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A conversion that holds.

    Attributes:
        mattermost: ready to be created; ``restore`` gives the original back.
        warnings: what a person should know, in the order of the spec.
    """

    mattermost: dict[str, Any]
    warnings: tuple[Fault, ...]


def convert(
    cluster_installation: JsonObject, existing: Existing, *, assume_external: bool = False
) -> Converted:
    """Convert, or say all that stands in the way.

    Args:
        cluster_installation: stored or as written by hand; the Mattermost operator fills in what
            is unset in the same way as the ClusterInstallation's did (operator facts 1.4).
        existing: what else there is in the namespace; the Secrets count.
        assume_external: take Secrets that are not among ``existing`` for good, and a database
            named by one for external.

    Raises:
        RefusedError: it cannot be carried without changing what it does.
    """
    require_shape({**cluster_installation, "kind": CLUSTER_INSTALLATION.kind})
    source = _source(cluster_installation, existing, assume_external=assume_external)
    faults = tuple(_faults(source))
    if faults:
        raise RefusedError(faults)
    mattermost = _mattermost(source)
    _require_room(annotations_of(mattermost))
    return Converted(mattermost, tuple(_warnings(source)))


def _source(given: JsonObject, existing: Existing, *, assume_external: bool) -> Source:
    document = original(given)
    return Source(
        name=name_of(document),
        metadata=given.get("metadata") or {},
        spec=document["spec"],
        existing=existing,
        document=document,
        assume_external=assume_external,
    )


def mattermost_spec(
    cluster_installation: JsonObject,
) -> tuple[dict[str, Any], tuple[JsonObject, ...]]:
    """The spec alone of what it would become, and the env entries added to it.

    Refuses nothing that an API server stores, and looks at nothing else: a database named by a
    Secret is taken for external.

    Raises:
        ValueError: the spec is none that an operator could read.
    """
    return _spec(_source(cluster_installation, Existing(), assume_external=True))


def _spec(source: Source) -> tuple[dict[str, Any], tuple[JsonObject, ...]]:
    added_env = tuple(filestore.env_forward(source))
    env = [*source.spec.get("mattermostEnv", ()), *added_env]
    spec = {
        **workload.forward(source),
        **network.forward(source),
        **labels.forward(source),
        **({"mattermostEnv": env} if env else {}),
        "database": database.forward(source),
        "fileStore": filestore.forward(source),
    }
    return spec, added_env


def _mattermost(source: Source) -> dict[str, Any]:
    spec, added_env = _spec(source)
    mattermost: dict[str, Any] = {
        "apiVersion": MATTERMOST.api_version,
        "kind": MATTERMOST.kind,
        "metadata": metadata.forward(source),
        "spec": spec,
    }
    derived = derive(mattermost, added_env)
    text = Record.between(derived, source.document, added_env=added_env).text()
    if text:
        mattermost["metadata"] = _annotated(mattermost["metadata"], text)
    return mattermost


def _annotated(metadata: JsonObject, record: str) -> dict[str, Any]:
    return {**metadata, "annotations": {**metadata.get("annotations", {}), ORIGINAL: record}}


def _faults(source: Source) -> Iterator[Fault]:
    yield from metadata.faults(source)
    yield from parallel.faults(source)
    yield from workload.faults(source)
    yield from network.faults(source)
    yield from labels.faults(source)
    yield from database.faults(source)
    yield from filestore.faults(source)


def _warnings(source: Source) -> Iterator[Fault]:
    yield from metadata.warnings(source)
    yield from workload.warnings(source)
    yield from network.warnings(source)
    yield from database.warnings(source)
    yield from filestore.warnings(source)


def _require_room(annotations: JsonObject) -> None:
    size = annotations_size(annotations)
    if size > ANNOTATIONS_LIMIT:
        fault = Fault(
            "metadata.annotations",
            f"with what must be kept for the way back they come to {size} bytes, and the API "
            f"server allows {ANNOTATIONS_LIMIT}; shorten or remove the largest",
            "TooLong",
        )
        raise RefusedError([fault])
