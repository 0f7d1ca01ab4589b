"""What a ClusterInstallation asks of its pods that its operator has yet to bring about.

A pin keeps the pods as they run. An edit that they do not show yet, as while an update Job runs or
has failed, would be lost with it in silence: the new kind would say the new version, and run the
old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.children.deployment import APP_CONTAINER, image_name
from mattermost_migrate.domain.children.env import merged
from mattermost_migrate.domain.difference import Difference, difference
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = ["asked", "pending"]


def pending(cluster_installation: JsonObject, template: JsonObject) -> tuple[Difference, ...]:
    """How the pods will differ once its operator has caught up; empty when it has.

    Args:
        cluster_installation: as stored.
        template: the pod template of its Deployment.
    """
    wanted = asked(cluster_installation, template)
    return difference(template, wanted) if wanted is not template else ()


def asked(cluster_installation: JsonObject, template: JsonObject) -> JsonObject:
    """The pod template with image and env as the spec says by now; itself where it shows them.

    The image and the user's own variables are what the operator takes from the spec as it stands
    (operator facts 2.4, 2.5). What a spec does not say yet, its operator has yet to fill in.
    """
    containers = template["spec"]["containers"]
    names = {each["name"]: each for each in containers}
    app = names.get(APP_CONTAINER) or names.get(name_of(cluster_installation))
    if app is None:
        return template
    spec = cluster_installation.get("spec") or {}
    fresh: dict[str, Any] = {**app, "env": merged(app.get("env") or [], _own_env(spec))}
    if (image := spec.get("image")) and (version := spec.get("version")):
        fresh["image"] = image_name(image, version, digest=version.startswith("sha256:"))
    if fresh == {"env": [], **app}:
        return template
    changed = [fresh if each is app else each for each in containers]
    return {**template, "spec": {**template["spec"], "containers": changed}}


def _own_env(spec: Mapping[str, Any]) -> list[JsonObject]:
    """The user's variables as the operator writes them: a quantity may be spelled otherwise."""
    given = spec.get("mattermostEnv") or []
    try:
        return list(canonical.cluster_installation_spec({"mattermostEnv": given})["mattermostEnv"])
    except (KeyError, ValueError):  # nothing there, or what the conversion refuses by its field
        return []
