"""Convert and render manifests without a cluster.

What stands beside an installation in the same namespace is taken for what exists in the cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.children import (
    Generate,
    Rendered,
    render_cluster_installation,
    render_mattermost,
)
from mattermost_migrate.domain.conversion import convert, credentials
from mattermost_migrate.domain.conversion.shape import require_shape
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.manifests import Document
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INGRESS_CLASS,
    MATTERMOST,
    SECRET,
    Resource,
)
from mattermost_migrate.domain.objects import Existing, JsonObject, name_of, namespace_of

__all__ = ["Outcome", "Refusal", "Result", "convert_documents", "render_documents"]

_KINDS: Final = {resource.kind: resource for resource in (CLUSTER_INSTALLATION, MATTERMOST)}
_CLUSTER_SCOPED: Final = {INGRESS_CLASS.kind}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one installation.

    Attributes:
        document: the installation.
        objects: the Mattermost, or the children.
        warnings: what a person should know.
    """

    document: Document
    objects: tuple[JsonObject, ...]
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A document that cannot be carried out, and all reasons why."""

    document: Document
    faults: tuple[Fault, ...]

    def lines(self) -> tuple[str, ...]:
        """One line a fault: file, line, object, field, what is wrong."""
        return tuple(f"{self.document}: {fault}" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of all documents, each in its order.

    Attributes:
        results: of the installations.
        refusals: of those that cannot be carried out; a rendering that the operator would break
            off has its first children among ``results`` as well.
        passed_over: documents of kinds that mean nothing here.
    """

    results: tuple[Result, ...]
    refusals: tuple[Refusal, ...]
    passed_over: tuple[Document, ...]

    @property
    def objects(self) -> tuple[JsonObject, ...]:
        """The objects of all results."""
        return tuple(obj for result in self.results for obj in result.objects)


def convert_documents(
    documents: Iterable[Document],
    *,
    assume_external: bool = False,
    refuse_unknown: bool = False,
    namespace: str = "default",
) -> Outcome:
    """Convert every ClusterInstallation.

    Args:
        documents: as ``manifests.read`` gives them; Secrets are used, other kinds passed over.
        assume_external: see ``conversion.convert``.
        refuse_unknown: whether a document to be passed over is refused.
        namespace: of documents that name none.
    """

    def carry(document: Document, existing: Existing) -> tuple[Result, tuple[Fault, ...]]:
        converted = convert(document.obj, existing, assume_external=assume_external)
        return Result(document, (converted.mattermost,), converted.warnings), ()

    stream = _Stream.of(documents, namespace)
    wanted = stream.of_kinds(CLUSTER_INSTALLATION)
    used = {CLUSTER_INSTALLATION.kind, SECRET.kind}
    others = tuple(document for document in stream.documents if document.kind not in used)
    unknown = [_unknown(document) for document in others] if refuse_unknown else []
    results, refusals = stream.carry_all(wanted, carry)
    passed_over = () if refuse_unknown else others
    return Outcome(results, (*stream.faults, *refusals, *unknown), passed_over)


def render_documents(
    documents: Iterable[Document], *, generate: Generate, namespace: str = "default"
) -> Outcome:
    """Render the children of every ClusterInstallation and every Mattermost.

    Args:
        documents: as ``manifests.read`` gives them; every other kind is taken for what exists.
        generate: makes the text of generated passwords and keys.
        namespace: of documents that name none.
    """

    def carry(document: Document, existing: Existing) -> tuple[Result, tuple[Fault, ...]]:
        rendered = _rendered(_placed(document.obj, namespace), existing, generate)
        unpatched = tuple(
            Fault("spec.resourcePatch", status.error, "PatchError")
            for status in rendered.patch_status.values()
            if status.error
        )
        stopped = () if rendered.error is None else (Fault("", rendered.error, "RenderError"),)
        return Result(document, rendered.children, unpatched), stopped

    stream = _Stream.of(documents, namespace)
    wanted = stream.of_kinds(CLUSTER_INSTALLATION, MATTERMOST)
    results, refusals = stream.carry_all(wanted, carry)
    return Outcome(results, (*stream.faults, *refusals), ())


def _rendered(obj: JsonObject, existing: Existing, generate: Generate) -> Rendered:
    require_shape(obj)
    if obj["kind"] == CLUSTER_INSTALLATION.kind:
        defaulted = default_cluster_installation(obj)
        return render_cluster_installation(defaulted, existing, generate=generate)
    return render_mattermost(default_mattermost(obj), existing, generate=generate)


def _placed(obj: JsonObject, namespace: str) -> dict[str, Any]:
    """The object in a namespace, for children need one."""
    metadata = obj.get("metadata") or {}
    return {**obj, "metadata": {"namespace": namespace, **metadata}}


def _unknown(document: Document) -> Refusal:
    return Refusal(document, (Fault("kind", "means nothing here", "UnknownKind"),))


@dataclass(frozen=True, slots=True)
class _Stream:
    """All documents of a call, and what is wrong with them before anything is done.

    Attributes:
        documents: those that are whole.
        faults: of the others.
        namespace: of documents that name none.
    """

    documents: Sequence[Document]
    faults: tuple[Refusal, ...]
    namespace: str

    @classmethod
    def of(cls, documents: Iterable[Document], namespace: str) -> _Stream:
        """Sort out objects given twice, kinds of an unknown version, and unreadable Secrets."""
        whole: dict[tuple[str, ...], Document] = {}
        refusals: list[Refusal] = []
        for document in documents:
            space = namespace_of(document.obj) or namespace
            key = (document.api_version, document.kind, space, name_of(document.obj))
            faults = tuple(_document_faults(document, whole.get(key)))
            if faults:
                refusals.append(Refusal(document, faults))
            else:
                whole[key] = document
        return cls(tuple(whole.values()), tuple(refusals), namespace)

    def of_kinds(self, *resources: Resource) -> list[Document]:
        """The documents of these kinds."""
        kinds = {resource.kind for resource in resources}
        return [document for document in self.documents if document.kind in kinds]

    def carry_all(
        self,
        wanted: Iterable[Document],
        carry: Callable[[Document, Existing], tuple[Result, tuple[Fault, ...]]],
    ) -> tuple[tuple[Result, ...], tuple[Refusal, ...]]:
        """Do the work for each, with what stands beside it.

        Args:
            wanted: what to work on.
            carry: gives the result, with the faults that stopped it half-way.
        """
        results: list[Result] = []
        refusals: list[Refusal] = []
        beside = self._beside()
        for document in wanted:
            space = namespace_of(document.obj) or self.namespace
            try:
                result, faults = carry(document, beside[space])
                results.append(result)
            except RefusedError as refused:
                faults = refused.faults
            if faults:
                refusals.append(Refusal(document, faults))
        return tuple(results), tuple(refusals)

    def _beside(self) -> dict[str, Existing]:
        """What exists, by namespace; cluster-scoped objects exist in all."""
        spaces: dict[str, list[JsonObject]] = {}
        everywhere: list[JsonObject] = []
        for document in self.documents:
            group = spaces.setdefault(namespace_of(document.obj) or self.namespace, [])
            (everywhere if document.kind in _CLUSTER_SCOPED else group).append(document.obj)
        return {
            space: Existing.of([*objs, *everywhere], given=True) for space, objs in spaces.items()
        }


def _document_faults(document: Document, earlier: Document | None) -> Iterator[Fault]:
    if earlier is not None:
        yield Fault("", f"is given twice, first at {earlier.source}:{earlier.line}", "Duplicate")
    resource = _KINDS.get(document.kind)
    if resource is not None and document.api_version != resource.api_version:
        yield Fault(
            "apiVersion",
            f"{document.api_version!r} is not known; {resource.kind} is of {resource.api_version}",
            "UnknownVersion",
        )
    if document.kind == SECRET.kind:
        yield from _secret_faults(document.obj)


def _secret_faults(secret: JsonObject) -> Iterator[Fault]:
    """Names keys, never values."""
    for group in ("data", "stringData"):
        values = secret.get(group) or {}
        if not isinstance(values, dict):
            yield Fault(group, "must be an object", "TypeInvalid")
            continue
        for key, value in values.items():
            if not isinstance(value or "", str):
                yield Fault(f"{group}[{key}]", "must be a string; put it in quotes", "TypeInvalid")
            elif group == "data" and credentials.decoded(value or "") is None:
                yield Fault(f"{group}[{key}]", "is not base64; stringData takes plain texts")
