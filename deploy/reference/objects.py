"""The reference of our own kinds, made from the schema in their CRDs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["page"]

_HEAD = """\
# Objects

Made from the CRDs in `deploy/crds`; `kubectl explain fmig.spec` says the same.
"""


def page(crds: Path) -> str:
    """One section a kind: what it is, its columns, and every field."""
    files = sorted(crds.glob("migration.mattermost.com_*.yaml"), reverse=True)
    return "\n".join([_HEAD, *(_kind(yaml.safe_load(file.read_text())) for file in files)])


def _kind(crd: Mapping[str, Any]) -> str:
    spec = crd["spec"]
    (version,) = spec["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    names = spec["names"]
    scope = "of a namespace" if spec["scope"] == "Namespaced" else "of the cluster"
    columns = ", ".join(each["name"] for each in version.get("additionalPrinterColumns", ()))
    short = ", ".join(f"`{name}`" for name in names["shortNames"])
    rows = [
        row
        for part in ("spec", "status")
        for row in _fields(schema["properties"][part], part, schema.get("required", ()))
    ]
    what = f"`{spec['group']}/{version['name']}`, {scope}, short name {short}."
    return "\n".join(
        [
            f"## {names['kind']}\n",
            f"{what} {_line(schema.get('description', ''))}\n",
            f"Columns of `kubectl get`: {columns}.\n",
            "| field | type | default | |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _fields(schema: Mapping[str, Any], path: str, required: Any) -> Iterator[str]:
    """A row for a field, then for those in it; each by its whole path."""
    needed = "; required" if path.rpartition(".")[2] in required else ""
    default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
    text = _line(schema.get("description", ""))
    yield f"| `{path}` | {_type(schema)}{needed} | {default} | {text} |"
    inner = schema.get("items", schema)
    below = f"{path}[]" if "items" in schema else path
    for name, field in inner.get("properties", {}).items():
        yield from _fields(field, f"{below}.{name}", inner.get("required", ()))


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"map to {_type(schema['additionalProperties'])}"
    bounds = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if key in schema
    ]
    return ", ".join([schema.get("format", schema.get("type", "any")), *bounds])


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
