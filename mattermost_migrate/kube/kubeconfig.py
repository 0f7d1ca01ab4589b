"""Reading kubeconfig files: merged as kubectl merges them, with errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from mattermost_migrate.domain.errors import ConfigurationError, KubeconfigError

__all__ = ["Entry", "choose"]

_SECTIONS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
#: Fields that name files, relative to the kubeconfig they stand in.
_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
#: The same in C where it was built; a kubeconfig of many contexts is long.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """One context of a kubeconfig with the cluster and the user it names.

    Attributes:
        source: file and context, for messages.
        context: the context's name.
        cluster: its cluster, file names absolute.
        user: its user, file names absolute.
        namespace: the context's namespace, or an empty string.
    """

    source: str
    context: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str = ""


def choose(environ: Mapping[str, str], *, context: str | None = None) -> Entry | None:
    """The context to use, or None when there is no kubeconfig file at all.

    ``KUBECONFIG`` may name several files: the first to define a name, or the current context,
    wins. Files that do not exist are passed over, as kubectl does.

    Raises:
        KubeconfigError: a file is no kubeconfig.
        ConfigurationError: what is asked for stands in none.
    """
    files = [path for path in _paths(environ) if path.is_file()]
    if not files:
        if context and (named := environ.get("KUBECONFIG")):
            raise KubeconfigError(f"{named}: there is no such file")
        if context:
            raise ConfigurationError(f"context {context!r} is asked for, but no kubeconfig exists")
        return None
    documents = [(path, _read(path)) for path in files]
    shown = os.pathsep.join(str(path) for path in files)
    name = context or _first(str(doc.get("current-context") or "") for _, doc in documents)
    if not name:
        raise ConfigurationError(f"{shown}: current-context: none is set; name one")
    found = _named(documents, "contexts", name)
    if found is None:
        raise ConfigurationError(f"{shown}: contexts: there is no context {name!r}")
    source = f"{shown}, context {name!r}"
    cluster = _named(documents, "clusters", str(found.get("cluster") or ""))
    if cluster is None:
        raise ConfigurationError(f"{source}: there is no cluster {found.get('cluster')!r}")
    user = _named(documents, "users", str(found.get("user") or ""))
    if user is None and found.get("user"):
        raise ConfigurationError(f"{source}: there is no user {found['user']!r}")
    return Entry(source, name, cluster, user or {}, str(found.get("namespace") or ""))


def _paths(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("KUBECONFIG", "")
    if named:
        return [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    home = environ.get("HOME")
    return [Path(home) / ".kube" / "config"] if home else []


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - a safe one
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise KubeconfigError(f"{path}: cannot be read: {reason}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise KubeconfigError(f"{path}: is no kubeconfig: {type(document).__name__} at the top")
    for section, field in _SECTIONS.items():
        _check(path, section, field, document.get(section) or [])
    return document


def _check(path: Path, section: str, field: str, items: Any) -> None:
    if not isinstance(items, list):
        raise KubeconfigError(f"{path}: {section}: must be a list")
    for index, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise KubeconfigError(f"{path}: {section}[{index}]: has no name")
        if not isinstance(item.get(field) or {}, dict):
            raise KubeconfigError(f"{path}: {section}[{index}].{field}: must be a mapping")


def _named(
    documents: Iterable[tuple[Path, Mapping[str, Any]]], section: str, name: str
) -> dict[str, Any] | None:
    """The first item of that name, with its file names made absolute."""
    for path, document in documents:
        for item in document.get(section) or []:
            if item["name"] == name:
                return _absolute(item.get(_SECTIONS[section]) or {}, path.parent)
    return None


def _absolute(item: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    result = {
        key: str(folder / value) if key in _FILES and value else value
        for key, value in item.items()
    }
    plugin = result.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command") or ""):
        result["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return result


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")
