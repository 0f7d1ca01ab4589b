"""What is changed in a write before it is stored: defaults, a wish to migrate, a pin that is over.

Pure, and safe to be applied again to its own result (the API server may ask a second time). Each
function gives the object as it should be stored, which is the one given where nothing is to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    REQUESTED_ANNOTATION,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of
from mattermost_migrate.domain.overlay import carried
from mattermost_migrate.domain.pin import generated_template, is_pinned, unpin
from mattermost_migrate.domain.pod_template import defaulted
from mattermost_migrate.domain.presumed import presumed

__all__ = ["REQUESTED", "asks_to_migrate", "requested", "unpinned", "with_defaults"]

_Canonical: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]
_Default: TypeAlias = Callable[[JsonObject], dict[str, Any]]

#: The value of the annotation that stands for a wish.
REQUESTED: Final = "true"
_DEFAULTS: Final[Mapping[str, tuple[_Canonical, _Default]]] = {
    CLUSTER_INSTALLATION.kind: (canonical.cluster_installation_spec, default_cluster_installation),
    MATTERMOST.kind: (canonical.mattermost_spec, default_mattermost),
}
#: What reading an object that no operator could read may end in.
_UNREADABLE: Final = (RefusedError, ValueError, TypeError, AttributeError, KeyError)


def with_defaults(kind: str, old: JsonObject | None, new: JsonObject) -> JsonObject:
    """The object with what its operator would fill in at its first look (operator facts 1.4).

    A write that leaves the spec alone is left alone too, and so is what the operator would refuse:
    a frozen installation, or one with a fault that is the validation's to name.
    """
    spec = new.get("spec") or {}
    if old is not None and spec == (old.get("spec") or {}):
        return new
    as_written, default = _DEFAULTS[kind]
    try:
        before = as_written(spec)
        filled = default({**new, "spec": spec})["spec"]
    except _UNREADABLE:
        return new
    return new if filled == before else {**new, "spec": carried(spec, before, filled)}


def asks_to_migrate(old: JsonObject | None, new: JsonObject) -> bool:
    """Whether this write sets ``spec.migrate``, which starts the Go operator's own migration."""
    return _migrates(new) and not _migrates(old)


def _migrates(cluster_installation: JsonObject | None) -> bool:
    return ((cluster_installation or {}).get("spec") or {}).get("migrate") is True


def requested(old: JsonObject | None, new: JsonObject) -> JsonObject:
    """A ClusterInstallation whose wish to migrate is meant for us, and not for its operator.

    ``spec.migrate`` is as it was before the write; the annotation says what was asked for.
    """
    if not asks_to_migrate(old, new):
        return new
    spec = {key: value for key, value in new["spec"].items() if key != "migrate"}
    before = (old or {}).get("spec") or {}
    if "migrate" in before:
        spec["migrate"] = before["migrate"]
    metadata = new.get("metadata") or {}
    annotations = {**annotations_of(new), REQUESTED_ANNOTATION: REQUESTED}
    return {**new, "metadata": {**metadata, "annotations": annotations}, "spec": spec}


def unpinned(old: JsonObject | None, new: JsonObject) -> JsonObject:
    """A Mattermost without its pin, once an edit would have rolled the pods anyway.

    The pin hides every change of the environment, so the pods must roll when the template
    generated without it changes: once, in the write that changes it.
    """
    if old is None or not (is_pinned(old) and is_pinned(new)) or old["spec"] == new.get("spec"):
        return new
    existing = presumed(old, new)
    try:
        bare = unpin(new)
        before, after = (generated_template(mm, existing) for mm in (unpin(old), bare))
        return new if defaulted(before) == defaulted(after) else bare
    except _UNREADABLE:
        return new
