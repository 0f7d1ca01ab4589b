"""The environment of the app container, block by block (operator facts 0.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mattermost_migrate.domain.canonical.integers import INT64, bounded
from mattermost_migrate.domain.children.ingress import BODY_SIZE_KEY
from mattermost_migrate.domain.children.result import ChildError

__all__ = ["elastic_search", "from_secret", "general", "max_file_size", "merged", "variable"]

_MEGABYTE: Final = 1048576
#: The operator's gigabyte is a thousand of its megabytes.
_GIGABYTE: Final = 1000 * _MEGABYTE


def variable(name: str, value: str) -> dict[str, Any]:
    """A plain variable; an empty value leaves only the name."""
    return {"name": name, "value": value}


def from_secret(name: str, secret: str, key: str) -> dict[str, Any]:
    """A variable from a secret's key."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def elastic_search(section: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ElasticSearch block; none without a host."""
    if not section.get("host"):
        return []
    values = {
        "ENABLEINDEXING": "true",
        "ENABLESEARCHING": "true",
        "CONNECTIONURL": section["host"],
        "USERNAME": section.get("username", ""),
        "PASSWORD": section.get("password", ""),
    }
    return [variable(f"MM_ELASTICSEARCHSETTINGS_{key}", value) for key, value in values.items()]


def general(host: str, file_size: str) -> list[dict[str, Any]]:
    """The block every installation has."""
    site = [variable("MM_SERVICESETTINGS_SITEURL", f"https://{host}")] if host else []
    return [
        variable("MM_PLUGINSETTINGS_ENABLEUPLOADS", "true"),
        variable("MM_METRICSSETTINGS_ENABLE", "true"),
        variable("MM_METRICSSETTINGS_LISTENADDRESS", ":8067"),
        variable("MM_CLUSTERSETTINGS_ENABLE", "true"),
        variable("MM_CLUSTERSETTINGS_CLUSTERNAME", "production"),
        variable("MM_INSTALL_TYPE", "kubernetes-operator"),
        *site,
        variable("MM_FILESETTINGS_MAXFILESIZE", file_size),
    ]


def max_file_size(annotations: Mapping[str, str], *, load_balancer: bool) -> str:
    """``MM_FILESETTINGS_MAXFILESIZE`` after the user's own ingress annotation.

    Raises:
        ChildError: the annotation is empty; the operator panics.
    """
    given = None if load_balancer else annotations.get(BODY_SIZE_KEY)
    if given is None:
        return str(_GIGABYTE)
    if not given:
        raise ChildError("panic: runtime error: index out of range [-1]")
    unit = {"m": _MEGABYTE, "g": _GIGABYTE}.get(given[-1].lower())
    return str(_GIGABYTE if unit is None else _wrapped(bounded(given[:-1]) * unit))


def _wrapped(value: int) -> int:
    """An int64 overflows silently."""
    return (value + INT64) % (2 * INT64) - INT64


def merged(
    env: Sequence[Mapping[str, Any]], own: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The user's variables over the generated ones: in place where the name exists, else last."""
    out = list(env)
    for entry in own:
        places = [at for at, old in enumerate(out) if old["name"] == entry["name"]]
        for at in places:
            out[at] = entry
        if not places:
            out.append(entry)
    return out
