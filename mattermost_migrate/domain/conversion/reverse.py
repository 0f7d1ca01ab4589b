"""From a Mattermost back to the ClusterInstallation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.conversion import (
    database,
    filestore,
    labels,
    metadata,
    network,
    parallel,
    placeless,
    workload,
)
from mattermost_migrate.domain.conversion.record import Record
from mattermost_migrate.domain.conversion.shape import require_shape
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST
from mattermost_migrate.domain.objects import JsonObject, annotations_of, name_of
from mattermost_migrate.domain.pin import unpin

__all__ = ["derive", "original", "restore"]


def restore(mattermost: JsonObject, *, discard: bool = False) -> dict[str, Any]:
    """The ClusterInstallation that a converted Mattermost came from.

    Edits made to the Mattermost meanwhile are carried back; where they say what the record says
    otherwise, they win.

    Args:
        mattermost: as ``convert`` made it, or as it became since, pinned or not, but without a
            freeze, which is nobody's edit.
        discard: drop edits that a ClusterInstallation has no place for.

    Returns:
        The ClusterInstallation in canonical form, without status and server-set metadata.

    Raises:
        RefusedError: an edit has no place, no host is left, or the record of the original cannot
            be read.
    """
    require_shape({**mattermost, "kind": MATTERMOST.kind})
    mattermost = unpin(mattermost)
    record = Record.of(annotations_of(mattermost))
    spec = canonical.mattermost_spec(mattermost.get("spec") or {})
    canonically = {**mattermost, "spec": spec}
    without_place = () if discard else placeless.faults(canonically)
    if faults := (*network.backward_faults(spec), *without_place):
        raise RefusedError(faults)
    restored = record.apply(derive(canonically, record.added_env))
    return {**restored, "spec": canonical.cluster_installation_spec(restored["spec"])}


def derive(mattermost: JsonObject, added_env: Sequence[JsonObject]) -> dict[str, Any]:
    """What the Mattermost alone says about the ClusterInstallation.

    Args:
        mattermost: with its spec in canonical form.
        added_env: the env entries that the conversion added, and that may go again.
    """
    spec = mattermost["spec"]
    return {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": metadata.backward(mattermost.get("metadata") or {}),
        "spec": {
            **workload.backward(spec),
            **network.backward(spec),
            **labels.backward(spec, name_of(mattermost)),
            **parallel.backward(),
            **filestore.env_backward(spec, added_env),
            "database": database.backward(spec),
            "minio": filestore.backward(spec),
        },
    }


def original(cluster_installation: JsonObject) -> dict[str, Any]:
    """What a round trip gives back: canonical spec, no status, no server-set metadata.

    Raises:
        ValueError: a value in the spec has not the type its field asks for.
    """
    return {
        "apiVersion": CLUSTER_INSTALLATION.api_version,
        "kind": CLUSTER_INSTALLATION.kind,
        "metadata": metadata.original(cluster_installation.get("metadata") or {}),
        "spec": canonical.cluster_installation_spec(cluster_installation.get("spec") or {}),
    }
