"""Who else keeps a ClusterInstallation, by the marks they leave on it, and the edit to make there.

After a migration the next sync of such a tool would create the ClusterInstallation again, so the
manifest it works from must change too. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mattermost_migrate.domain.names import KUBECTL_APPLIED
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
)

__all__ = ["Manager", "managers"]


@dataclass(frozen=True, slots=True)
class Manager:
    """Somebody who writes the object from a source of his own.

    Attributes:
        tool: Helm, Argo CD, Flux or kubectl.
        name: of the release, application or Kustomization.
        edit: what to change there, and when.
    """

    tool: str
    name: str
    edit: str

    def __str__(self) -> str:
        return f"{self.tool} {self.name}".strip()


def managers(obj: JsonObject) -> tuple[Manager, ...]:
    """Everybody whose mark is on the object; several may be, as with Helm below Flux."""
    return tuple(_found(obj))


def _found(obj: JsonObject) -> Iterator[Manager]:
    labels, annotations = labels_of(obj), annotations_of(obj)
    which = f"{obj['kind']} {namespace_of(obj)}/{name_of(obj)}"
    replace = f"replace {which} by what `convert` prints"
    if release := annotations.get("meta.helm.sh/release-name"):
        where = annotations.get("meta.helm.sh/release-namespace") or namespace_of(obj)
        yield Manager(
            "Helm release",
            f"{where}/{release}",
            f"in its chart, {replace}, and upgrade the release only after the migration",
        )
    application = annotations.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    if application := application or labels.get("argocd.argoproj.io/instance", ""):
        yield Manager(
            "Argo CD application",
            application,
            f"in its source, {replace}; switch its automatic sync off until that is merged",
        )
    for kind, prefix in (
        ("Flux Kustomization", "kustomize.toolkit.fluxcd.io"),
        ("Flux HelmRelease", "helm.toolkit.fluxcd.io"),
    ):
        if name := labels.get(f"{prefix}/name"):
            where = labels.get(f"{prefix}/namespace", namespace_of(obj))
            yield Manager(
                kind,
                f"{where}/{name}",
                f"in its source, {replace}; suspend it until that is merged",
            )
    if KUBECTL_APPLIED in annotations:
        yield Manager("kubectl apply", "", f"in the file it was applied from, {replace}")
