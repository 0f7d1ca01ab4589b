"""Both versions of a ClusterInstallation: as it is stored, and as what it would become.

``v1beta1-preview`` has the shape of a Mattermost's spec. It is made by the same conversion as a
migration, but nothing is ever refused on the way out of storage: whatever an API server holds, it
can be shown. What one version cannot say is kept in an annotation of the other, so both ways give
back exactly what there was; what somebody has edited wins over what was kept.

- On a preview: what the ClusterInstallation said and the Mattermost does not (``RECORD``).
- On the stored one: what was written as a Mattermost and a ClusterInstallation has no place for
  (``EDITS``). It does nothing there; validation refuses it where it would mean something.

Metadata stays as it is but for these two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.conversion.forward import mattermost_spec
from mattermost_migrate.domain.conversion.record import Record
from mattermost_migrate.domain.conversion.reverse import derive
from mattermost_migrate.domain.conversion.shape import require_shape
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, OWN_GROUP
from mattermost_migrate.domain.objects import (
    ANNOTATIONS_LIMIT,
    JsonObject,
    annotations_of,
    annotations_size,
)

__all__ = [
    "EDITS",
    "PREVIEW_VERSION",
    "RECORD",
    "edited_spec",
    "managers_patch",
    "to_preview",
    "to_stored",
]

PREVIEW_VERSION: Final = "v1beta1-preview"
_PREVIEW: Final = f"{CLUSTER_INSTALLATION.group}/{PREVIEW_VERSION}"
#: On a preview only: what the stored object says besides.
RECORD: Final = f"{OWN_GROUP}/v1alpha1-record"
#: On both: what was written to the preview and has no place in the stored object.
EDITS: Final = f"{OWN_GROUP}/preview-edits"
#: What reading a spec that no operator could read may end in.
_UNREADABLE: Final = (
    RefusedError, ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError,
)  # fmt: skip


_NOTHING: Final = Record()


@dataclass(frozen=True, slots=True)
class _Kept:
    """The content of ``RECORD``.

    Attributes:
        record: the difference, for an object that could be converted.
        whole: the stored spec alone in a tuple, or an empty one when there was none, for an object
            that could not.
        lost: it was too large to be kept, so this preview can only be read.
        shadowed: what the stored object had under this very annotation.
    """

    record: Record = _NOTHING
    whole: tuple[Any, ...] | None = None
    lost: bool = False
    shadowed: str | None = None

    def text(self) -> str:
        """The annotation's value; empty when there is nothing to keep.

        Raises:
            ValueError: it holds what is no text.
            RecursionError: it is nested too deeply.
        """
        document = self.record.document()
        if self.whole is not None:
            document["whole"] = list(self.whole)
        if self.lost:
            document["lost"] = True
        if self.shadowed is not None:
            document["shadowed"] = self.shadowed
        return _compact(document) if document else ""

    @classmethod
    def of(cls, annotations: Mapping[str, str]) -> _Kept:
        """Read it.

        Raises:
            RefusedError: it is not as ``text`` wrote it.
        """
        text = annotations.get(RECORD)
        if text is None:
            return cls()
        try:
            document = json.loads(text)
            whole = document.get("whole")
            return cls(
                Record.parsed(document) if "changes" in document else _NOTHING,
                None if whole is None else tuple(whole),
                bool(document.get("lost")),
                document.get("shadowed"),
            )
        except _UNREADABLE as error:
            raise _refusal(f"metadata.annotations[{RECORD}]", _SPOILT) from error


_SPOILT: Final = "not as the conversion wrote it; put it back, or edit the object as v1alpha1"
_READ_ONLY: Final = "this one can only be read as v1beta1-preview; edit it as v1alpha1"


def to_preview(stored: JsonObject) -> dict[str, Any]:
    """A stored ClusterInstallation as the Mattermost it would become; whatever it holds."""
    raw = (stored["spec"],) if "spec" in stored else ()
    shadowed = annotations_of(stored).get(RECORD)
    try:
        spec, added = mattermost_spec(_bare(stored))
        spec = _edited(stored, spec)
        derived = derive(_mattermost(stored, canonical.mattermost_spec(spec)), added)["spec"]
        record = Record.between(_holding(derived), _holding(*raw), added_env=added)
        kept = _Kept(record, shadowed=shadowed)
    except _UNREADABLE:
        spec, kept = {}, _Kept(whole=raw, shadowed=shadowed)
    shown = {**stored, "apiVersion": _PREVIEW, "spec": spec}
    return _annotated(shown, kept) or _without_record(shown)


def to_stored(shown: JsonObject) -> dict[str, Any]:
    """The ClusterInstallation that a preview stands for.

    Raises:
        RefusedError: it is none of ours, or it was edited in a way that nothing can carry. It never
            happens to the preview of a stored object that was left as it was, but to one whose
            record is too large for its annotations.
    """
    kept = _Kept.of(annotations_of(shown))
    if kept.lost:
        raise _refusal(
            "metadata.annotations", f"too large to keep what v1alpha1 says: {_READ_ONLY}"
        )
    if kept.whole is not None:
        if shown.get("spec"):
            raise _refusal("spec", f"the stored spec is no operator's: {_READ_ONLY}")
        return _stored(shown, kept.whole, kept, edits=annotations_of(shown).get(EDITS))
    spec = {} if shown.get("spec") is None else shown["spec"]
    named = _mattermost(shown, spec)
    try:
        bare = {**named, "spec": canonical.mattermost_spec(named["spec"])}
        derived = derive(bare, kept.record.added_env)["spec"]
        whole = kept.record.apply(_holding(derived))
        raw = (whole["spec"],) if "spec" in whole else ()
        plain, _ = mattermost_spec({**_bare(shown), "spec": whole.get("spec")})
    except _UNREADABLE as error:
        require_shape({**named, "kind": MATTERMOST.kind})
        raise _refusal("spec", f"no ClusterInstallation says that: {error}") from error
    if _edited(shown, plain) == spec:
        return _stored(shown, raw, kept, edits=annotations_of(shown).get(EDITS))
    edits = Record.between(_holding(plain), _holding(spec)).text()
    stored = _stored(shown, raw, kept, edits=edits)
    if annotations_size(annotations_of(stored)) > ANNOTATIONS_LIMIT:
        raise _refusal("spec", "too much of it has no place in a ClusterInstallation")
    return stored


def edited_spec(stored: JsonObject) -> JsonObject | None:
    """The spec of the preview, where somebody has written to it what has no place elsewhere."""
    return to_preview(stored)["spec"] if EDITS in annotations_of(stored) else None


def managers_patch(stored: JsonObject) -> list[dict[str, Any]]:
    """The JSON Patch that forgets which fields were written through the preview; empty where none.

    As long as such an entry stands in ``managedFields``, every server-side apply to the object
    needs the preview version, and fails for good once that is taken out of the CRD.
    """
    metadata = stored.get("metadata") or {}
    managers = metadata.get("managedFields") or []
    others = [each for each in managers if each.get("apiVersion") != _PREVIEW]
    if len(others) == len(managers):
        return []
    return [
        {
            "op": "test",
            "path": "/metadata/resourceVersion",
            "value": metadata["resourceVersion"],
        },
        # An empty list would be taken for "as it was".
        {"op": "replace", "path": "/metadata/managedFields", "value": others or [{}]},
    ]


def _bare(obj: JsonObject) -> dict[str, Any]:
    """Name and spec alone: the rest of the metadata is the same in both versions."""
    metadata = obj.get("metadata") or {}
    names = {key: metadata[key] for key in ("name", "namespace") if key in metadata}
    return {"metadata": names, "spec": obj.get("spec")}


def _mattermost(obj: JsonObject, spec: JsonObject) -> dict[str, Any]:
    return {**_bare(obj), "spec": spec}


def _holding(*spec: Any) -> dict[str, Any]:
    return {"spec": spec[0]} if spec else {}


def _edited(obj: JsonObject, spec: dict[str, Any]) -> Any:
    """The spec with the edits that have no place in a ClusterInstallation."""
    text = annotations_of(obj).get(EDITS)
    if text is None:
        return spec
    try:
        edits = Record.parsed(json.loads(text))
    except _UNREADABLE:
        return spec  # somebody else's words; they stay where they are
    return edits.apply(_holding(spec)).get("spec")


def _annotated(shown: JsonObject, kept: _Kept) -> dict[str, Any] | None:
    """The preview with its record, or None when there is no room for it."""
    annotations = {k: v for k, v in annotations_of(shown).items() if k != RECORD}
    try:
        if text := kept.text():
            annotations[RECORD] = text
            if annotations_size(annotations) > ANNOTATIONS_LIMIT:
                return None
    except (ValueError, TypeError, RecursionError):
        return None
    return _with_annotations(shown, annotations)


def _without_record(shown: JsonObject) -> dict[str, Any]:
    """A preview that says of itself that it can only be read."""
    annotations = {**annotations_of(shown), RECORD: _Kept(lost=True).text()}
    return _with_annotations(shown, annotations)


def _stored(
    shown: JsonObject, spec: tuple[Any, ...], kept: _Kept, *, edits: str | None
) -> dict[str, Any]:
    annotations = {k: v for k, v in annotations_of(shown).items() if k not in (RECORD, EDITS)}
    if kept.shadowed is not None:
        annotations[RECORD] = kept.shadowed
    if edits is not None:
        annotations[EDITS] = edits
    rest = {key: value for key, value in shown.items() if key != "spec"}
    stored = {**rest, "apiVersion": CLUSTER_INSTALLATION.api_version, **_holding(*spec)}
    return _with_annotations(stored, annotations)


def _with_annotations(obj: JsonObject, annotations: Mapping[str, str]) -> dict[str, Any]:
    """The object with these annotations; where it had none and gets none, untouched."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping):
        return dict(obj)
    if annotations == (metadata.get("annotations") or {}):
        return dict(obj)
    kept = {key: value for key, value in metadata.items() if key != "annotations"}
    return {**obj, "metadata": {**kept, "annotations": annotations} if annotations else kept}


def _compact(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _refusal(field: str, message: str) -> RefusedError:
    return RefusedError([Fault(field, message, "NotConvertible")])
