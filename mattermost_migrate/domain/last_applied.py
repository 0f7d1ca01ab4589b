"""The operator's annotation that holds an object as it was last written (operator facts 0.4)."""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from mattermost_migrate.domain.canonical import types
from mattermost_migrate.domain.names import LAST_APPLIED
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["decode", "document", "encode", "text"]

_MEMBER: Final = "original"
_ESCAPES: Final = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)
#: Kinds whose Go types the operator knows from Kubernetes; others are written by us as Go would.
_TYPED: Final = frozenset(
    {"Deployment", "Service", "ServiceAccount", "Ingress", "IngressClass", "Job"}
    | {"Secret", "PersistentVolumeClaim"}
)


def document(obj: JsonObject) -> dict[str, Any]:
    """What the annotation of ``obj`` says: the object, cleaned (operator facts 0.4)."""
    kind = str(obj.get("kind") or "")
    bare: JsonObject = {key: obj[key] for key in obj if key not in {"apiVersion", "kind"}}
    if kind in _TYPED:
        bare = types.compared(kind)(bare)
    elif kind == "MysqlCluster":
        bare = {"status": {}, **bare}
    metadata = dict(bare.get("metadata") or {})
    annotations = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if k != LAST_APPLIED
    }
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    return _clean({**bare, "metadata": metadata})


def _clean(value: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what is null or empty text, and maps that become empty by it."""
    out: dict[str, Any] = {}
    for key, item in value.items():
        if item is None or item == "":
            continue
        if isinstance(item, Mapping):
            cleaned = _clean(item)
            if cleaned or not item:
                out[key] = cleaned
        elif isinstance(item, list):
            out[key] = [_clean(e) if isinstance(e, Mapping) else e for e in item]
        else:
            out[key] = item
    return out


def text(obj: JsonObject) -> str:
    """The document as the operator writes it: compact, keys sorted, HTML's characters escaped."""
    return json.dumps(
        document(obj), separators=(",", ":"), sort_keys=True, ensure_ascii=False
    ).translate(_ESCAPES)


def encode(obj: JsonObject) -> str:
    """The annotation's value for ``obj``: base64 of a zip of its document."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(_MEMBER), text(obj), zipfile.ZIP_DEFLATED)
    return base64.b64encode(packed.getvalue()).decode("ascii")


def decode(value: str) -> dict[str, Any]:
    """The document inside an annotation's value: zipped, plain base64, or bare JSON.

    Raises:
        ValueError: it is none of the three, or no JSON object.
    """
    found = json.loads(_unpack(value))
    if not isinstance(found, dict):
        raise ValueError("the last-applied annotation holds no JSON object")  # noqa: TRY004 - its text is wrong, not its type
    return found


def _unpack(value: str) -> bytes:
    try:
        packed = base64.b64decode(value, validate=True)
    except binascii.Error:
        return value.encode()
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return archive.read(archive.namelist()[0])
    except zipfile.BadZipFile:
        return packed
