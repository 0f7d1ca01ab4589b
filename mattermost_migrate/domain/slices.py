"""What EndpointSlices prove: which Service their controller goes by.

It learns of Services and of pods from two caches, and each lags by itself. A pod that loses labels
by which the Service was known to select leaves the slices, whatever it selects by now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mattermost_migrate.domain.names import V1ALPHA1, V1BETA1
from mattermost_migrate.domain.objects import JsonObject, labels_of
from mattermost_migrate.domain.serving import LOOK_AGAIN
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Look, Part, Verdict, Wait

__all__ = ["await_followed"]

#: By which of these a Service is labelled tells which kind's operator wrote its selector.
_KEYS: Final = (*V1ALPHA1.of(""), *V1BETA1.of(""))
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_KUBERNETES: Final = "endpointslice-controller.k8s.io"


def await_followed(seen: Snapshot) -> Verdict | None:
    """Wait until EndpointSlices carry the labels that the Service has from its owner's kind.

    They copy the labels of their Service, and an operator that takes it over writes labels and
    selector at once. So where the slices have those labels their controller knows of that write.
    They look alike after a way there and back: that holds only where they were awaited before each
    turn of the labels as well. On the ordinary way there they are at rest since long.
    """
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    service = seen.traffic.service
    if service is None:
        return None
    wanted = _kind_labels(service)
    if all(_kind_labels(each) == wanted for each in seen.traffic.slices if _is_known(each)):
        return None
    message = f"Service {seen.name}: its EndpointSlices have yet to follow"
    return Wait(message, seconds=LOOK_AGAIN)


def _kind_labels(obj: JsonObject) -> Mapping[str, str]:
    labels = labels_of(obj)
    return {key: labels[key] for key in _KEYS if key in labels}


def _is_known(endpoint_slice: JsonObject) -> bool:
    """Whether it is of Kubernetes' own controller: nobody knows by what rules others follow."""
    return labels_of(endpoint_slice).get(_MANAGED_BY, _KUBERNETES) == _KUBERNETES
