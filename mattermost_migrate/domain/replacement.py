"""New pods for old ones, a few at a time: what to do next while both crews are there.

Four rules, each asked of what is there, none of a count that is kept:
- there are never more pods than wanted and the surge, a pod on its way out counting as one;
- a new pod is sent requests when it is ready, and not before;
- an old pod is sent no more when as many as are wanted serve without it, proven by EndpointSlices
  and pods that were read live;
- an old pod ends when it has been out of every EndpointSlice for ``drainSeconds``, and so have all
  that were taken out with it: a ReplicaSet is told how many to remove, and not which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from mattermost_migrate.domain.crews import (
    handed_over,
    has_pods,
    left_to_drain,
    new_pods,
    old_pods,
    old_sets,
    replicas_of,
    settled_sets,
    surge,
    wanted,
)
from mattermost_migrate.domain.exchange import relabel
from mattermost_migrate.domain.holding import is_held
from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    DRAINED_ANNOTATION,
    REPLICA_SET,
    RETIRED_ANNOTATION,
    SERVING_LABEL,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    labels_of,
    leaving,
    name_of,
    uid_of,
)
from mattermost_migrate.domain.pod_template import TEMPLATE_HASH
from mattermost_migrate.domain.serving import (
    LOOK_AGAIN,
    count_drained,
    is_named,
    serves,
    take_out,
    take_up,
)
from mattermost_migrate.domain.snapshot import (
    Snapshot,
    Traffic,
    deployment_settled,
    pod_ready,
    selected_by,
)
from mattermost_migrate.domain.steps import Act, Look, Part, Verdict, Wait
from mattermost_migrate.domain.writes import Write, fence, patch

__all__ = ["first_replicas", "keep_history", "replace_pods"]


def replace_pods(seen: Snapshot) -> Verdict | None:
    """Bring every wanted pod about anew, and let the old ones end; holds when none is left."""
    if handed_over(seen) or seen.deployment is None:
        return None
    if seen.traffic is None:
        return Look(Part.TRAFFIC)
    crews = _Crews.of(seen, seen.traffic)
    for move in _MOVES:
        if verdict := move(crews, seen.deployment):
            return verdict
    return _await_replaced(crews, seen.deployment)


def first_replicas(seen: Snapshot) -> int:
    """How many pods the new Deployment asks for at first: those that are its own, or the surge.

    Held, it scales a ReplicaSet that is there all the same. A look may show the pods of that and
    not yet what the ReplicaSet is asked for: asked for less, it would end one that serves.
    """
    sets = settled_sets(seen)
    own = sum(map(replicas_of, sets))
    if sets and seen.deployment is not None and is_held(seen.deployment):
        own = max(own, replicas_of(seen.deployment))
    return max(own, _room(seen))


def _room(seen: Snapshot) -> int:
    """How many new pods there may be now.

    Turned round, the new crew is the one that was being retired: its pods on their way out, and
    those that its ReplicaSet has yet to remove, are there beside the ones it is asked for. For one
    on its way out a ReplicaSet that is asked for it makes another.
    """
    present = sum(map(leaving, seen.pods))
    present += sum(max(replicas_of(each), _alive(seen, each)) for each in old_sets(seen))
    for each in settled_sets(seen):
        present += max(0, _alive(seen, each) - replicas_of(each))
    return max(0, min(wanted(seen), wanted(seen) + surge(seen) - present))


def _alive(seen: Snapshot, replica_set: JsonObject) -> int:
    return sum(not leaving(pod) for pod in seen.pods_of(replica_set))


@dataclass(frozen=True, slots=True)
class _Crews:
    """Both crews, and which of them serve.

    Attributes:
        seen, traffic: what was looked at.
        wanted: how many pods shall serve.
        old, new: the pods, but those on their way out.
        at_work: UIDs of the pods that are ready and that requests reach, read live.
    """

    seen: Snapshot
    traffic: Traffic
    wanted: int
    old: tuple[JsonObject, ...]
    new: tuple[JsonObject, ...]
    at_work: frozenset[str]

    @classmethod
    def of(cls, seen: Snapshot, traffic: Traffic) -> Self:
        """From one look."""
        old = tuple(p for p in old_pods(seen) if not leaving(p))
        reached = (p for p in traffic.pods if traffic.service is None or traffic.reaches(p))
        at_work = frozenset(uid_of(pod) for pod in reached if pod_ready(pod))
        return cls(seen, traffic, wanted(seen), old, new_pods(seen), at_work)

    @property
    def routed(self) -> bool:
        """Whether requests go to the pods that are named to the Service, or there is none."""
        return self.traffic.held or self.traffic.service is None

    @property
    def needed(self) -> int:
        """How many old pods are still needed."""
        return max(0, self.wanted - sum(uid_of(pod) in self.at_work for pod in self.new))

    @property
    def picked_from(self) -> frozenset[str]:
        """UIDs of the old pods whose ReplicaSet was asked to remove some and has yet to do so."""
        return frozenset(
            uid
            for each in old_sets(self.seen)
            if len(alive := self.of_set(each)) > replicas_of(each)
            for uid in map(uid_of, alive)
        )

    def of_set(self, replica_set: JsonObject) -> tuple[JsonObject, ...]:
        """Its old pods, but those on their way out."""
        own = {uid_of(pod) for pod in self.seen.pods_of(replica_set)}
        return tuple(pod for pod in self.old if uid_of(pod) in own)

    def drained(self, pod: JsonObject) -> bool:
        """Whether nobody can send a request to the pod any more."""
        if serves(pod) or self.traffic.reaches(pod):
            return False
        return not left_to_drain(self.seen, self.traffic, pod)


def _take_up_new(crews: _Crews, _deployment: JsonObject) -> Verdict | None:
    """New pods that are ready are sent requests, and those that serve are not to be taken out."""
    if not crews.routed:
        return None
    writes = tuple(
        take_up(crews.seen, pod)
        for pod in crews.new
        if (not is_named(crews.seen, pod) if serves(pod) else pod_ready(pod))
    )
    return Act(f"Had new pods of {crews.seen.name} serve", writes) if writes else None


def _take_up_old(crews: _Crews, _deployment: JsonObject) -> Verdict | None:
    """An old pod that was taken out comes back when those that should do without it cannot."""
    lacking = crews.needed - sum(map(serves, crews.old))
    out = [pod for pod in crews.old if pod_ready(pod) and not serves(pod)]
    if not crews.routed or lacking <= 0 or not out:
        return None
    writes = tuple(take_up(crews.seen, pod) for pod in out[:lacking])
    return Act(f"Had old pods of {crews.seen.name} serve again", writes)


def _take_out_old(crews: _Crews, _deployment: JsonObject) -> Verdict | None:
    """Old pods are taken out as far as enough others serve; those that do not work, first.

    None of a ReplicaSet that has yet to remove one: it could remove the one that is taken out.
    """
    serving = [pod for pod in crews.old if serves(pod)]
    too_many = len(serving) - crews.needed
    if not crews.routed or too_many <= 0:
        return None
    serving = [pod for pod in serving if uid_of(pod) not in crews.picked_from]
    idle = [pod for pod in serving if uid_of(pod) not in crews.at_work and not pod_ready(pod)]
    working = [pod for pod in serving if uid_of(pod) in crews.at_work]
    spare = max(0, len(crews.at_work) - crews.wanted)
    writes = tuple(map(take_out, [*idle, *working[:spare]][:too_many]))
    return Act(f"Took old pods of {crews.seen.name} out of service", writes) if writes else None


def _count_drained(crews: _Crews, _deployment: JsonObject) -> Verdict | None:
    """The time to drain begins when the last EndpointSlice has forgotten a pod."""
    writes = tuple(
        count_drained(pod, crews.traffic)
        for pod in crews.old
        if not serves(pod)
        and not crews.traffic.reaches(pod)
        and DRAINED_ANNOTATION not in annotations_of(pod)
        and left_to_drain(crews.seen, crews.traffic, pod)
    )
    return Act(f"Began to drain old pods of {crews.seen.name}", writes) if writes else None


def _retire_old(crews: _Crews, _deployment: JsonObject) -> Verdict | None:
    """Old ReplicaSets ask for fewer pods: for those that are drained, which go first."""
    writes = tuple(_cuts(crews))
    return Act(f"Retired drained pods of {crews.seen.name}", writes) if writes else None


def _cuts(crews: _Crews) -> Iterator[Write]:
    sets = old_sets(crews.seen)
    surplus = sum(map(replicas_of, sets)) - crews.needed
    for each in sets:
        alive = crews.of_set(each)
        asked = replicas_of(each)
        if len(alive) > asked:
            continue  # its controller has yet to remove those of the last cut
        out = [pod for pod in alive if not serves(pod)]
        if not all(map(crews.drained, out)):
            continue  # which of them its controller removes is not ours to say
        if (cut := min(len(out) + asked - len(alive), surplus, asked)) > 0:
            surplus -= cut
            yield _scaled(REPLICA_SET, each, asked - cut)


def _add_new(crews: _Crews, deployment: JsonObject) -> Verdict | None:
    """The new Deployment asks for as many pods as there is room for."""
    room = _room(crews.seen)
    if replicas_of(deployment) >= room:
        return None
    write = _scaled(DEPLOYMENT, deployment, room)
    return Act(f"Had Deployment {crews.seen.name} make more new pods", (write,))


def _scaled(resource: Resource, owner: JsonObject, replicas: int) -> Write:
    body = {"metadata": fence(owner), "spec": {"replicas": replicas}}
    return patch(resource, name_of(owner), body)


def keep_history(seen: Snapshot) -> tuple[Write, ...]:
    """Hand ReplicaSets without pods to the new Deployment, as revisions to go back to.

    Of the labels of the giving side their templates keep what they select by, so that one whose
    template is generated once more is found again, and no other is made. They themselves keep none:
    such a one may have pods again, and the labels of a ReplicaSet say whose pods it has.

    Where new pods have that template already it is not to be found again: of two ReplicaSets with
    its template a Deployment takes the older one for its own, and would roll from pods in service
    to others that are just like them.
    """
    settled = settled_sets(seen)
    busy = [_bare(seen, each) for each in settled if has_pods(seen, each)]
    spent = (each for each in settled if not has_pods(seen, each))
    histories = (_as_history(seen, s, "true" if _bare(seen, s) in busy else None) for s in spent)
    return tuple(write for write in histories if write)


def _bare(seen: Snapshot, replica_set: JsonObject) -> dict[str, Any]:
    """Its template without what is ours, and what makes each ReplicaSet's another."""
    template = replica_set["spec"]["template"]
    marks = {TEMPLATE_HASH, SERVING_LABEL, *seen.taking.labels.of(""), *seen.giving.labels.of("")}
    labels = {key: value for key, value in labels_of(template).items() if key not in marks}
    notes = {k: v for k, v in annotations_of(template).items() if k != RETIRED_ANNOTATION}
    return {"labels": labels, "annotations": notes, "spec": template["spec"]}


def _as_history(seen: Snapshot, replica_set: JsonObject, mark: str | None) -> Write | None:
    taking, giving = (side.labels.of(seen.name) for side in (seen.taking, seen.giving))
    given: dict[str, str | None] = dict.fromkeys(giving)
    inside: dict[str, str | None] = {**taking, SERVING_LABEL: None}
    if not giving.keys() & selected_by(replica_set).keys():
        inside |= given
    return relabel(seen, replica_set, {**given, **taking}, inside, {RETIRED_ANNOTATION: mark})


def _await_replaced(crews: _Crews, deployment: JsonObject) -> Verdict | None:
    replaced = sum(uid_of(pod) in crews.at_work for pod in crews.new)
    progress = f"{replaced} of {crews.wanted} pods replaced"
    where = f"Deployment {name_of(deployment)}"
    if old_sets(crews.seen):
        left = _time_left(crews)
        if left:
            message = f"{where}: its old pods are drained"
        else:
            message = f"{where}: not all of its new pods are ready and in service"
        return Wait(message, seconds=left or LOOK_AGAIN, progress=progress)
    if history := keep_history(crews.seen):
        return Act(f"Kept the old revisions of {crews.seen.name}", history)
    if crews.routed and len(crews.at_work) < len(crews.new):
        message = f"{where}: requests have yet to reach its new pods"
        return Wait(message, seconds=LOOK_AGAIN, progress=progress)
    if not deployment_settled(deployment):
        return Wait(f"{where}: not all of its new pods are ready", progress=progress)
    return None


def _time_left(crews: _Crews) -> float | None:
    """Seconds until the next drained pod may end."""
    counted = (
        left_to_drain(crews.seen, crews.traffic, pod)
        for pod in crews.old
        if DRAINED_ANNOTATION in annotations_of(pod) and not serves(pod)
    )
    return min((each for each in counted if each), default=timedelta()).total_seconds() or None


_MOVES: Final[tuple[Callable[[_Crews, JsonObject], Verdict | None], ...]] = (
    _take_up_new,
    _take_up_old,
    _take_out_old,
    _count_drained,
    _retire_old,
    _add_new,
)
