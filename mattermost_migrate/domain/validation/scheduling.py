"""Where pods may run: node selectors, affinity, tolerations.

The schema of the CRDs knows the shapes; operators, weights and keys are words the API server
judges only in a pod.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.validation import syntax
from mattermost_migrate.domain.validation.field import Field, Finding

__all__ = ["affinity", "tolerations"]

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_NODE_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_LABEL_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_HEAVIEST: Final = 100


def affinity(at: Field) -> Iterator[Finding]:
    """Node, pod and anti-affinity."""
    if not at:
        return
    node = at / "nodeAffinity"
    required = node / _REQUIRED
    if required.present and not required / "nodeSelectorTerms":
        yield (required / "nodeSelectorTerms").required("give at least one term")
    for term in required / "nodeSelectorTerms":
        yield from _node_term(term)
    for item in node / _PREFERRED:
        yield from _weight(item / "weight")
        yield from _node_term(item / "preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        for term in at / kind / _REQUIRED:
            yield from _pod_term(term)
        for item in at / kind / _PREFERRED:
            yield from _weight(item / "weight")
            yield from _pod_term(item / "podAffinityTerm")


def _weight(at: Field) -> Iterator[Finding]:
    if at.number is None or not 1 <= at.number <= _HEAVIEST:
        yield at.invalid("must be between 1 and 100")


def _node_term(at: Field) -> Iterator[Finding]:
    for key in ("matchExpressions", "matchFields"):
        yield from _expressions(at / key, _NODE_OPERATORS)


def _pod_term(at: Field) -> Iterator[Finding]:
    if not (at / "topologyKey").text:
        yield (at / "topologyKey").required("name the label that tells places apart")
    for selector in ("labelSelector", "namespaceSelector"):
        yield from syntax.labels(at / selector / "matchLabels")
        yield from _expressions(at / selector / "matchExpressions", _LABEL_OPERATORS)


def _expressions(at: Field, operators: tuple[str, ...]) -> Iterator[Finding]:
    for expression in at:
        operator, values = expression / "operator", expression / "values"
        if operator.value not in operators:
            yield operator.unsupported(*operators)
        elif operator.text in {"In", "NotIn"} and not values:
            yield values.required(f"operator {operator.text} needs values")
        elif operator.text in {"Exists", "DoesNotExist"} and values:
            yield values.invalid(f"operator {operator.text} takes no values")
        elif operator.text in {"Gt", "Lt"} and len(list(values)) != 1:
            yield values.required(f"operator {operator.text} needs exactly one value")


def tolerations(at: Field) -> Iterator[Finding]:
    """Which taints are put up with."""
    for item in at:
        key, operator, value = item / "key", item / "operator", item / "value"
        yield from syntax.one_of(operator, "Equal", "Exists", "Lt", "Gt")
        yield from syntax.one_of(item / "effect", *_EFFECTS)
        if not key and operator.text != "Exists":
            yield operator.invalid("must be Exists where no key is given")
        if operator.text == "Exists" and value:
            yield value.invalid("must be empty with operator Exists")
        if (item / "tolerationSeconds").present and (item / "effect").text != "NoExecute":
            yield (item / "effect").invalid("must be NoExecute where tolerationSeconds is given")
