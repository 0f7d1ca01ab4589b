"""Where the preview version is served: in the operator's CRD, converted by a webhook of ours."""

from __future__ import annotations

from typing import Final

from mattermost_migrate.domain.conversion.versions import PREVIEW_VERSION
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INJECT_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of

__all__ = ["CONVERT_PATH", "CRD_NAME", "converted_by_us", "preview_position"]

CRD_NAME: Final = f"{CLUSTER_INSTALLATION.plural}.{CLUSTER_INSTALLATION.group}"
CONVERT_PATH: Final = "/convert"


def preview_position(crd: JsonObject) -> int | None:
    """Which of the CRD's versions is the preview."""
    names = [version["name"] for version in crd["spec"]["versions"]]
    return names.index(PREVIEW_VERSION) if PREVIEW_VERSION in names else None


def converted_by_us(crd: JsonObject) -> bool:
    """Whether the webhook that converts it is ours.

    Its path alone does not tell: it is the one that others have, too, who were told nothing else.
    """
    webhook = (crd["spec"].get("conversion") or {}).get("webhook") or {}
    config = webhook.get("clientConfig") or {}
    path = (config.get("service") or {}).get("path") or config.get("url") or ""
    marked = INJECT_LABEL in labels_of(crd) or preview_position(crd) is not None
    return marked and bool(path.endswith(CONVERT_PATH))
