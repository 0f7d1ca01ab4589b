"""Derives mattermost_migrate/domain/canonical/go_types.txt from Go source.

Usage: python deploy/tools/go_types.py API APIMACHINERY OPERATOR, where the three are checkouts of
k8s.io/api and k8s.io/apimachinery (the versions in the operator's go.mod) and of the operator. It
prints what belongs below the header of the text file, which explains the words. Only names, types
and JSON tags are read.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_ROOTS: Final = (
    ("ci", "ClusterInstallationSpec"),
    ("mm", "MattermostSpec"),
    ("apps", "Deployment"),
    ("core", "Service"),
    ("core", "ServiceAccount"),
    ("core", "Secret"),
    ("core", "PersistentVolumeClaim"),
    ("net", "Ingress"),
    ("net", "IngressClass"),
    ("batch", "Job"),
)
_IMPORTS: Final[Mapping[str, Mapping[str, str]]] = {
    "apps": {"v1": "core", "metav1": "meta"},
    "batch": {"corev1": "core", "metav1": "meta"},
    "ci": {"corev1": "core", "metav1": "meta"},
    "core": {"metav1": "meta"},
    "meta": {},
    "mm": {"v1": "core", "appsv1": "apps", "metav1": "meta"},
    "net": {"v1": "core", "metav1": "meta"},
}
_SCALARS: Final = {
    "[]byte": "bytes",
    "bool": "bool",
    "int32": "int32",
    "int64": "int64",
    "string": "str",
}
_SHAPES: Final = {r"\*(.*)": "*", r"\[\](.*)": "[]", r"map\[[\w.]+\](.*)": "{}"}
_FOREIGN: Final = {"resource": "quantity", "intstr": "port", "types": "str", "runtime": "any"}
_META: Final = {"Duration": "duration", "FieldsV1": "any", "MicroTime": "time", "Time": "time"}
_STRUCT: Final = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_ALIAS: Final = re.compile(r"^type (\w+) (\S+)$", re.MULTILINE)
_FIELD: Final = re.compile(r'^\s*(?:(\w+)\s+)?(\S+)\s+`[^`]*json:"([^"]*)"', re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*//[^\n]*$|/\*.*?\*/", re.MULTILINE | re.DOTALL)
_WIDTH: Final = 98


@dataclass(slots=True)
class Source:
    """What the Go files say, and what was asked of it."""

    structs: dict[tuple[str, str], str] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    table: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def read(self, package: str, path: Path) -> None:
        """Take in the types of one file."""
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        self.structs |= {(package, name): body for name, body in _STRUCT.findall(text)}
        self.aliases |= {(package, name): to for name, to in _ALIAS.findall(text)}

    def visit(self, package: str, name: str) -> str:
        """Put a struct and all it refers to into the table; gives the name it has there."""
        root = (package, name) in _ROOTS or package not in {"ci", "mm"}
        label = name if root else f"{package}.{name}"
        if label not in self.table:
            self.table[label] = []
            self.table[label] = list(self._fields(package, name))
        return label

    def _fields(self, package: str, name: str) -> Iterator[tuple[str, str]]:
        for key, go_type, tag in _FIELD.findall(self.structs[package, name]):
            json_name, *options = tag.split(",")
            if "inline" in options or not (key or json_name):
                if not go_type.endswith("TypeMeta"):
                    yield from self._fields(*_resolved(package, go_type))
                continue
            kind = self._kind(package, go_type)
            omits = "omitempty" in options
            zero = kind in _SCALARS.values() or kind.startswith(("*", "[]", "{}"))
            yield json_name, kind if omits or not zero else f"{kind}!"

    def _kind(self, package: str, go_type: str) -> str:
        if go_type in _SCALARS:
            return _SCALARS[go_type]
        for shape, written in _SHAPES.items():
            if match := re.fullmatch(shape, go_type):
                return written + self._kind(package, match[1])
        if (prefix := go_type.partition(".")[0]) in _FOREIGN:
            return _FOREIGN[prefix]
        return self._named(*_resolved(package, go_type))

    def _named(self, package: str, name: str) -> str:
        if package == "meta" and name in _META:
            return _META[name]
        if (package, name) in self.aliases:
            return self._kind(package, self.aliases[package, name])
        return self.visit(package, name)


def _resolved(package: str, go_type: str) -> tuple[str, str]:
    prefix, _, name = go_type.rpartition(".")
    return (_IMPORTS[package][prefix], name) if prefix else (package, name)


def main(api: Path, machinery: Path, operator: Path) -> None:
    """Print the table."""
    source = Source()
    for package, path in {
        "apps": api / "apps/v1/types.go",
        "batch": api / "batch/v1/types.go",
        "ci": operator / "apis/mattermost/v1alpha1/clusterinstallation_types.go",
        "core": api / "core/v1/types.go",
        "meta": machinery / "pkg/apis/meta/v1/types.go",
        "mm": operator / "apis/mattermost/v1beta1/mattermost_types.go",
        "net": api / "networking/v1/types.go",
    }.items():
        source.read(package, path)
    for package, name in _ROOTS:
        source.visit(package, name)
    for name, fields in sorted(source.table.items()):
        line = f"{name}: " + " ".join(f"{key}={kind}" for key, kind in fields)
        print(
            textwrap.fill(
                line,
                _WIDTH,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
