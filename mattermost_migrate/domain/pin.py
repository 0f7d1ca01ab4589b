"""Keep the pods of a migrated installation: make what is generated equal to what runs.

The v1beta1 operator writes another env and other labels into the pod template than v1alpha1 did
(operator facts 4), so it would roll the pods of every Deployment it finds. A Mattermost's own
``spec.resourcePatch.deployment`` puts the running template back (operator facts 3.6, 4.3).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mattermost_migrate.domain.children import Rendered, render_deployments
from mattermost_migrate.domain.defaults import default_mattermost
from mattermost_migrate.domain.difference import difference
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.names import DEPLOYMENT, OWN_GROUP, V1ALPHA1, V1BETA1, Reason
from mattermost_migrate.domain.objects import (
    Existing,
    JsonObject,
    annotations_of,
    name_of,
    namespace_of,
)
from mattermost_migrate.domain.pod_patch import operations
from mattermost_migrate.domain.pod_template import defaulted
from mattermost_migrate.domain.wording import shortened

__all__ = [
    "GENERATED",
    "PINNED",
    "any_password",
    "generated_template",
    "is_pinned",
    "outlived",
    "pin",
    "pinned_target",
    "template_of",
    "unpin",
    "warnings",
]

#: On a pinned Mattermost: the digest of the operations that are ours, the last ones of its patch.
PINNED: Final = f"{OWN_GROUP}/pod-template-pin"
#: Beside it: the digest of the pod template that was generated without the pin.
GENERATED: Final = f"{OWN_GROUP}/generated-pod-template"
_PATCH: Final = "spec.resourcePatch.deployment"
_RESTARTED: Final = "metadata.annotations[kubectl.kubernetes.io/restartedAt]"
#: Fields that one warning names.
_MOST_NAMED: Final = 3


def pin(mm: JsonObject, running_template: JsonObject, existing: Existing) -> dict[str, Any]:
    """The Mattermost whose generated pods are the running ones.

    Args:
        mm: pinned before or not; what a user patched himself stays.
        running_template: ``spec.template`` of the live Deployment or ReplicaSet. Labels of the
            Mattermost need not be on it yet: the migration puts them there.
        existing: what else there is in the namespace, enough to generate the Deployment.

    Raises:
        RefusedError: nothing is generated, or the operator lets no patch make it equal.
    """
    bare = unpin(mm)
    _require_patch_in_force(bare)
    target = pinned_target(running_template, name_of(mm))
    generated = generated_template(bare, existing)
    ours = operations(generated, target)
    if not ours:
        return bare
    marks = {PINNED: _digest(ours), GENERATED: _template_digest(generated)}
    pinned = _with_operations(bare, [*_operations_of(bare), *ours], marks=marks)
    _require_equal(generated_template(pinned, existing), target, ours)
    return pinned


def unpin(mm: JsonObject) -> dict[str, Any]:
    """The Mattermost without its pin; the same where there is none.

    Raises:
        RefusedError: somebody edited the pinning operations, so they cannot be told from his own.
    """
    digest = annotations_of(mm).get(PINNED)
    if digest is None:
        return dict(mm)
    patch = _operations_of(mm)
    for start in range(len(patch)):
        if _digest(patch[start:]) == digest:
            return _with_operations(mm, patch[:start])
    if not patch:
        return _with_operations(mm, ())
    raise RefusedError(
        [
            Fault(
                f"{_PATCH}.patch",
                "was edited since the pods were pinned; take the pinning operations out of it, "
                f"and the annotation {PINNED}",
            )
        ]
    )


def is_pinned(mm: JsonObject) -> bool:
    """Whether ``pin`` has put a patch on it."""
    return PINNED in annotations_of(mm)


def outlived(mm: JsonObject, existing: Existing) -> bool:
    """Whether the template generated without the pin is another than when it was pinned.

    Args:
        mm: pinned.
        existing: what else there is in the namespace now.

    Raises:
        RefusedError: nothing is generated, or somebody edited the pinning operations.
    """
    recorded = annotations_of(mm).get(GENERATED)
    if recorded is None:
        return False
    return _template_digest(generated_template(unpin(mm), existing)) != recorded


def warnings(mm: JsonObject, running_template: JsonObject, existing: Existing) -> Iterator[Fault]:
    """That a pin keeps what others put into the pods: from then on any other value is taken back.

    The operator let them be as long as it wanted nothing there (operator facts 0.4). Left out of
    the pin they would go with its next write, and the pods would roll.

    Args:
        mm: pinned or not, and what it was pinned to is ``running_template``.
        running_template: as in ``pin``.
        existing: as in ``pin``.
    """
    kept = _of_others(mm, running_template, existing) if is_pinned(mm) else ()
    if not kept:
        return
    named = shortened(kept, _MOST_NAMED)
    as_restarted = ", as of kubectl rollout restart," if _RESTARTED in kept else ""
    yield Fault(
        _PATCH,
        f"keeps what others put into the pods: {named}; any later value{as_restarted} is undone "
        "at once. To restart the pods, run helm mattermost-migrate unpin "
        f"{name_of(mm)} -n {namespace_of(mm)} (one rolling update)",
        "Pinned",
    )


def _of_others(mm: JsonObject, running: JsonObject, existing: Existing) -> tuple[str, ...]:
    """What was added to the template by neither operator; of the old one's own are two labels."""
    old = {f"metadata.labels[{key}]" for key in V1ALPHA1.selector(name_of(mm))}
    made = generated_template(unpin(mm), existing)
    added = (each.field for each in difference(made, running) if each.before is None)
    return tuple(field for field in added if field not in old)


def pinned_target(running_template: JsonObject, name: str) -> dict[str, Any]:
    """The running template once the migration has labelled it as a Mattermost's."""
    template = defaulted(running_template)
    labels = {**template["metadata"].get("labels", {}), **V1BETA1.selector(name)}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def generated_template(mm: JsonObject, existing: Existing) -> JsonObject:
    """The pod template that the v1beta1 operator generates, resource patch included.

    Raises:
        RefusedError: it generates none, or its defaulting refuses the Mattermost.
    """
    rendered = render_deployments(default_mattermost(mm), existing, generate=any_password)
    return template_of(rendered, f"Mattermost {name_of(mm)!r}", name_of(mm))


def any_password(_: str, length: int) -> str:
    """For what is generated to be looked at, and never sent."""
    return "x" * length


def template_of(rendered: Rendered, what: str, name: str) -> JsonObject:
    """The pod template among the children of an installation.

    Raises:
        RefusedError: there is none; ``what`` names the installation.
    """
    for child in rendered.children:
        if child["kind"] == DEPLOYMENT.kind and name_of(child) == name:
            template: JsonObject = child["spec"]["template"]
            return template
    why = rendered.error or "its operator generates no Deployment"
    raise RefusedError([Fault("", f"cannot generate the pods of {what}: {why}")])


def _require_patch_in_force(mm: JsonObject) -> None:
    """A disabled patch of the user's would come into force with ours."""
    deployment = _deployment_patch(mm)
    if deployment.get("disable") and deployment.get("patch"):
        raise RefusedError(
            [Fault(f"{_PATCH}.disable", "a patch that is switched off is in the way; remove it")]
        )
    try:
        valid = isinstance(json.loads(deployment.get("patch") or "[]"), list)
    except ValueError:
        valid = False
    if not valid:
        raise RefusedError([Fault(f"{_PATCH}.patch", "is no JSON Patch; correct or remove it")])


def _require_equal(generated: JsonObject, target: JsonObject, ours: Sequence[JsonObject]) -> None:
    """The proof: generate once more, and compare. A refused patch leaves all as it was."""
    left = {operation["path"] for operation in operations(generated, target)}
    faults = [
        Fault(
            operation["path"].strip("/").replace("/", "."),
            "differs between the running pods and those the Mattermost generates, "
            "and the operator lets no patch change it",
            Reason.NOT_PINNABLE,
        )
        for operation in ours
        if operation["path"] in left
    ]
    if left:
        raise RefusedError(faults)


def _deployment_patch(mm: JsonObject) -> JsonObject:
    spec = mm.get("spec") or {}
    patch: JsonObject = (spec.get("resourcePatch") or {}).get("deployment") or {}
    return patch


def _operations_of(mm: JsonObject) -> list[JsonObject]:
    """The operations in the patch, none where it cannot be read."""
    try:
        patch = json.loads(_deployment_patch(mm).get("patch") or "[]")
    except ValueError:
        return []
    return patch if isinstance(patch, list) else []


def _with_operations(
    mm: JsonObject, patch: Sequence[JsonObject], *, marks: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The Mattermost with these operations, and the marks of the pin set or taken off."""
    metadata = dict(mm.get("metadata") or {})
    annotations = {
        key: text for key, text in annotations_of(mm).items() if key not in (PINNED, GENERATED)
    } | dict(marks or {})
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    spec = {key: value for key, value in mm["spec"].items() if key != "resourcePatch"}
    others = {
        key: value
        for key, value in (mm["spec"].get("resourcePatch") or {}).items()
        if key != "deployment"
    }
    if patch:
        others["deployment"] = {"patch": _compact(patch)}
    if others:
        spec["resourcePatch"] = others
    return {**mm, "metadata": metadata, "spec": spec}


def _digest(patch: Sequence[JsonObject]) -> str:
    return hashlib.sha256(_compact(patch).encode()).hexdigest()[:32]


def _template_digest(template: JsonObject) -> str:
    text = json.dumps(defaulted(template), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _compact(patch: Sequence[JsonObject]) -> str:
    return json.dumps(patch, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
