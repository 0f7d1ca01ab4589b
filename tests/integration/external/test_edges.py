"""Edges: what befalls an installation in the middle of its migration, each with its outcome.

Many installations at once, one an edge, in one migration; then as many on their way back. The
operator is stopped, so that all stand still twice: once frozen, before anything is exchanged, and
once exchanged, before the operator has taken the children over. There each has its accident; then
the operator goes on. No edit lock is installed here: with it most of these writes are refused
(docs/reference/edit-lock.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    NAMESPACE,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    SECRET,
    SERVICE,
    V1ALPHA1,
    Condition,
    Resource,
)
from mattermost_migrate.domain.objects import annotations_of, labels_of, name_of, uid_of
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
    mattermost,
)
from mattermost_migrate.testing.chronicle import Harm, Rule
from mattermost_migrate.testing.cluster import Client, Cluster, Process
from mattermost_migrate.testing.installations import Installations, condition, stable, succeeded
from mattermost_migrate.testing.witness import Witness

pytestmark = pytest.mark.usefixtures("engine", "operator")
Accident = Callable[[Installations, str], None]
RESOURCE_QUOTA = Resource("", "v1", "ResourceQuota", "resourcequotas")
NODE = Resource("", "v1", "Node", "nodes", namespaced=False)
#: Of the operator that stands in: as many as there are edges.
OPERATOR_LIMIT = 30


def nothing(here: Installations, name: str) -> None:
    """No accident."""


def pods_of(here: Installations, name: str) -> list[dict[str, Any]]:
    return [each for each in here.list(POD) if labels_of(each).get(V1ALPHA1.installation) == name]


def pod_dies(here: Installations, name: str) -> None:
    here.admin.delete(POD, here.namespace, name_of(pods_of(here, name)[0]))


def budget(here: Installations, name: str) -> None:
    selector = {"matchLabels": {V1ALPHA1.installation: name}}
    spec = {"maxUnavailable": 0, "selector": selector}
    body = {"metadata": {"name": name}, "spec": spec}
    here.admin.create(POD_DISRUPTION_BUDGET, here.namespace, body)


def drained(here: Installations, name: str) -> None:
    """What ``kubectl drain`` does to each of its pods."""
    for pod in pods_of(here, name):
        path = f"{POD.path(here.namespace, name_of(pod))}/eviction"
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name_of(pod), "namespace": here.namespace},
        }
        here.admin.request("POST", path, eviction)


def scaled(here: Installations, name: str) -> None:
    """What an autoscaler does."""
    body = {"spec": {"replicas": 3}}
    here.admin.patch(DEPLOYMENT, here.namespace, name, body, subresource="scale")


def giving(here: Installations, name: str) -> Resource:
    """The kind that gives way: the only one until all is exchanged, then the one that is frozen."""
    old, new = here.find(CLUSTER_INSTALLATION, name), here.find(MATTERMOST, name)
    return CLUSTER_INSTALLATION if old and (not new or frozen(old)) else MATTERMOST


def edited(here: Installations, name: str) -> None:
    body = {"spec": {"version": "7.8.16"}}
    here.admin.patch(giving(here, name), here.namespace, name, body)


def applied(here: Installations, name: str) -> None:
    """By force, as a GitOps tool does, from a manifest that knows of no freeze."""
    kind = giving(here, name)
    manifest = (
        cluster_installation(name, here.namespace, migrate=False)
        if kind is CLUSTER_INSTALLATION
        else mattermost(name, here.namespace)
    )
    path = kind.path(here.namespace, name)
    here.admin.request(
        "PATCH",
        path,
        manifest,
        params={"fieldManager": "gitops", "force": "true"},
        content_type="application/apply-patch+yaml",
    )


def deleted(here: Installations, name: str) -> None:
    here.admin.delete(giving(here, name), here.namespace, name)


@dataclass(frozen=True, slots=True)
class Edge:
    """An installation, and what befalls it while it is frozen, or once it is exchanged."""

    held: Accident = nothing
    exchanged: Accident = nothing
    spec: dict[str, Any] = field(default_factory=dict)


EDGES = {
    "none": Edge(spec={"replicas": -1}),
    "one": Edge(spec={"replicas": 1}),
    "dying-early": Edge(held=pod_dies),
    "dying-late": Edge(exchanged=pod_dies),
    "drained": Edge(exchanged=drained),
    "budget": Edge(held=budget),
    "scaled-early": Edge(held=scaled),
    "scaled-late": Edge(exchanged=scaled),
    "edited-early": Edge(held=edited),
    "edited-late": Edge(exchanged=edited),
    "applied-early": Edge(held=applied),
    "applied-late": Edge(exchanged=applied),
    "deleted-early": Edge(held=deleted),
    "deleted-late": Edge(exchanged=deleted),
    "rolling": Edge(),
}
#: A pinned Mattermost in mid-rollout has lost its pin: that is a story of its own.
BACK = {name: edge for name, edge in EDGES.items() if name != "rolling"}


@dataclass(frozen=True, slots=True)
class Story:
    """What became of all of them.

    Attributes:
        here: their namespace.
        kind: which they were on their way to.
        before: pods and ReplicaSets before, by name.
        harms: what somebody may have noticed.
    """

    here: Installations
    kind: Resource
    before: dict[str, str]
    harms: tuple[Harm, ...]

    def made(self, name: str) -> list[str]:
        """The pods and ReplicaSets there are now and were not before."""
        return [
            each
            for each in self.here.workload()
            if each not in self.before and each.partition("/")[2].startswith(f"{name}-")
        ]

    @property
    def other(self) -> Resource:
        """The kind that they were."""
        return CLUSTER_INSTALLATION if self.kind is MATTERMOST else MATTERMOST

    def harm(self, name: str) -> set[Rule]:
        """The rules that were broken for this one."""
        return {harm.rule for harm in self.harms if f"/{name}" in harm.what}


@pytest.fixture(scope="module", params=[MATTERMOST, CLUSTER_INSTALLATION], ids=["there", "back"])
def story(
    cluster: Cluster,
    witness: Witness,
    engine: object,
    operator: Process,
    request: pytest.FixtureRequest,
) -> Iterator[Story]:
    kind: Resource = request.param
    edges = EDGES if kind is MATTERMOST else BACK
    with cluster.namespace() as namespace:
        here = Installations(cluster.admin, witness, namespace)
        for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
            cluster.admin.create(SECRET, namespace, secret)
        create(here, edges)
        if kind is MATTERMOST:
            start_rollout(here, "rolling")
        else:
            here.move(*edges)
            for name in edges:
                until_whole(here, MATTERMOST, name)
        before, since = here.workload(), witness.now()
        operator.pause()
        here.ask(*edges, kind=kind.kind)
        for name in edges:
            here.until(INSTALLATION_MIGRATION, name, waits_at(Condition.SOURCE_FROZEN))
        for name, edge in edges.items():
            edge.held(here, name)
        acknowledge(here, edges, CLUSTER_INSTALLATION if kind is MATTERMOST else MATTERMOST)
        end_rollout(cluster.admin, here)
        for name in edges:
            here.until(INSTALLATION_MIGRATION, name, waits_at(Condition.TARGET_STABLE))
        for name, edge in edges.items():
            edge.exchanged(here, name)
        operator.resume()
        for name in edges:
            here.until_ended(name)
        yield Story(here, kind, before, here.harms(since))
        here.until_agreed()


def create(here: Installations, edges: Mapping[str, Edge]) -> None:
    for name, edge in edges.items():
        manifest = cluster_installation(name, here.namespace, **edge.spec)
        here.admin.create(CLUSTER_INSTALLATION, here.namespace, manifest)
    for name in edges:
        until_whole(here, CLUSTER_INSTALLATION, name)


def until_whole(here: Installations, kind: Resource, name: str) -> dict[str, Any]:
    """Stable, and every pod an endpoint; without pods the Deployment counts none."""
    return here.until(kind, name, stable) if name == "none" else here.until_whole(kind, name)


def waits_at(step: Condition) -> Callable[[dict[str, Any]], bool]:
    return lambda imig: condition(imig, step).get("status") == "False"


def acknowledge(here: Installations, edges: Iterable[str], kind: Resource) -> None:
    """Say for the operator that it has seen the freeze."""
    for name in edges:
        if not here.find(kind, name):
            continue
        found = here.until(kind, name, frozen)  # anew, where somebody cleared it
        said: dict[str, Any] = {"migration": {"status": f"{ACKNOWLEDGEMENT}: canary"}}
        if kind is MATTERMOST:
            generation = found["metadata"]["generation"]
            error = "ingress.host required, but not set"
            said = {"error": error, "observedGeneration": generation}
        here.admin.patch(kind, here.namespace, name, {"status": said}, subresource="status")


def start_rollout(here: Installations, name: str) -> None:
    """New pods that no node takes yet."""
    wanted = {"spec": {"nodeSelector": {"edge": here.namespace}}}
    here.admin.patch(CLUSTER_INSTALLATION, here.namespace, name, wanted)
    here.until(DEPLOYMENT, name, lambda each: each["status"].get("unavailableReplicas"))


def end_rollout(admin: Client, here: Installations) -> None:
    for node in admin.list(NODE):
        admin.patch(NODE, None, name_of(node), {"metadata": {"labels": {"edge": here.namespace}}})


@pytest.mark.parametrize(
    "name", ["none", "one", "budget", "applied-early", "applied-late"], ids=str
)
def test_nobody_notices(story: Story, name: str) -> None:
    """No replicas, one, a budget that allows no disruption, a freeze cleared by force."""
    here = story.here
    assert succeeded(here.get(INSTALLATION_MIGRATION, name))
    until_whole(here, story.kind, name)
    assert here.find(story.other, name) is None
    assert story.made(name) == []
    assert story.harm(name) == set()


@pytest.mark.parametrize("name", ["dying-early", "dying-late", "drained"])
def test_a_lost_pod_is_replaced_by_its_own_replica_set(story: Story, name: str) -> None:
    here = story.here
    assert succeeded(here.get(INSTALLATION_MIGRATION, name))
    here.until_whole(story.kind, name)
    made = story.made(name)
    assert {each.partition("/")[0] for each in made} == {"Pod"}
    assert len(made) == (2 if name == "drained" else 1)
    assert len(pods_of(here, name)) == 2


@pytest.mark.parametrize("name", ["scaled-early", "scaled-late"])
def test_another_number_of_replicas_is_the_operators_to_settle(story: Story, name: str) -> None:
    """As ever: the operator writes the number that its own object says."""
    here = story.here
    assert succeeded(here.get(INSTALLATION_MIGRATION, name))
    here.until(DEPLOYMENT, name, lambda each: each["spec"]["replicas"] == 2)
    here.until_whole(story.kind, name)
    assert len([each for each in here.list(REPLICA_SET) if name_of(each).startswith(name)]) == 1
    assert story.harm(name) <= {Rule.MADE, Rule.LOST, Rule.ADDRESS_LOST}


def test_an_image_edited_before_the_exchange_is_carried_over(story: Story) -> None:
    here = story.here
    assert succeeded(here.get(INSTALLATION_MIGRATION, "edited-early"))
    here.until_whole(story.kind, "edited-early")
    assert here.get(story.kind, "edited-early")["spec"]["version"] == "7.8.16"
    images = {pod["spec"]["containers"][0]["image"] for pod in pods_of(here, "edited-early")}
    assert {each.rpartition(":")[2] for each in images} == {"7.8.16"}, "the pods that run"


def test_an_image_edited_after_the_exchange_leads_back_and_is_kept(story: Story) -> None:
    here = story.here
    over = here.get(INSTALLATION_MIGRATION, "edited-late")
    summary = condition(over, Condition.SUCCEEDED)
    assert summary["reason"] == "RolledBack"
    assert summary["message"].startswith("Edited: ")
    assert "spec.version" in summary["message"]
    here.until_whole(story.other, "edited-late")
    assert here.get(story.other, "edited-late")["spec"]["version"] == "7.8.16"
    assert here.find(story.kind, "edited-late") is None


@pytest.mark.parametrize("name", ["deleted-early", "deleted-late"])
def test_deleted_by_hand_it_comes_back_as_what_was_wanted(story: Story, name: str) -> None:
    """The garbage collector may take pods and Service along; the backup has all to make them."""
    here = story.here
    assert succeeded(here.get(INSTALLATION_MIGRATION, name))
    new = here.until_whole(story.kind, name)
    assert here.find(story.other, name) is None
    assert {f"{DEPLOYMENT}/{name}", f"{SERVICE}/{name}"} <= here.owned_by(new)
    assert len(pods_of(here, name)) == 2


@pytest.mark.parametrize("story", [MATTERMOST], ids=["there"], indirect=True)
def test_a_rollout_caught_half_way_goes_on(story: Story) -> None:
    here = story.here
    assert succeeded(here.get(INSTALLATION_MIGRATION, "rolling"))
    here.until_whole(MATTERMOST, "rolling")
    known = {uid for name, uid in story.before.items() if name.startswith("ReplicaSet/rolling-")}
    sets = [each for each in here.list(REPLICA_SET) if name_of(each).startswith("rolling-")]
    assert {uid_of(each) for each in sets} == known
    assert len(pods_of(here, "rolling")) == 2


def ask_and_hold(here: Installations, operator: Process) -> None:
    """A migration that stands still while it is frozen."""
    operator.pause()
    here.ask("acme")
    here.until(INSTALLATION_MIGRATION, "acme", waits_at(Condition.SOURCE_FROZEN))


def test_a_namespace_deleted_in_the_middle_goes(
    cluster: Cluster, installations: Installations, operator: Process
) -> None:
    """Nothing of ours holds it: no finalizer, no lock that its controllers would run into."""
    installations.create("acme")
    ask_and_hold(installations, operator)

    cluster.admin.delete(NAMESPACE, None, installations.namespace)
    operator.resume()

    cluster.admin.until_gone(NAMESPACE, None, installations.namespace, seconds=60)
    # For the fixture, which deletes it once more.
    cluster.admin.create(NAMESPACE, None, {"metadata": {"name": installations.namespace}})


def test_a_full_quota_of_pods_is_in_nobodys_way(installations: Installations) -> None:
    installations.create("acme")
    before, since = installations.workload(), installations.witness.now()
    quota(installations, pods="2")

    installations.move("acme")

    installations.until_whole(MATTERMOST, "acme")
    assert installations.workload() == before
    assert installations.harms(since) == ()


def test_a_quota_without_room_for_what_is_created_is_told_first(
    installations: Installations,
) -> None:
    """The rehearsal meets it: nothing is written, not even the lock."""
    installations.create("acme")
    spec = installations.get(CLUSTER_INSTALLATION, "acme")["spec"]
    quota(installations, **{"count/deployments.apps": "1"})

    installations.ask("acme")

    over = installations.until_ended("acme")
    summary = condition(over, Condition.SUCCEEDED)
    assert (summary["status"], summary["reason"]) == ("False", "Rejected")
    assert "exceeded quota" in summary["message"]
    assert "startTime" not in over["status"], "nothing has begun"
    assert installations.get(CLUSTER_INSTALLATION, "acme")["spec"] == spec
    assert installations.find(SECRET, "acme-migration-backup") is None
    time.sleep(3)  # it is looked at again, and there is no more to be told
    again = installations.get(INSTALLATION_MIGRATION, "acme")
    assert again["metadata"]["resourceVersion"] == over["metadata"]["resourceVersion"]


def quota(here: Installations, **hard: str) -> None:
    """Full from the beginning, and known to be so."""
    body = {"metadata": {"name": "full"}, "spec": {"hard": hard}}
    here.admin.create(RESOURCE_QUOTA, here.namespace, body)
    here.until(RESOURCE_QUOTA, "full", lambda each: (each.get("status") or {}).get("used") == hard)


@pytest.mark.parametrize(
    ("section", "value", "rolls"),
    [
        pytest.param(
            "awsLoadBalancerController",
            {"enabled": True, "hosts": [{"hostName": "acme.example.com"}]},
            False,
            id="an AWS load balancer",
        ),
        pytest.param("jobServer", {"dedicatedJobServer": True}, True, id="a job server"),
    ],
)
def test_what_would_stay_behind_is_switched_off_first(
    installations: Installations, section: str, value: dict[str, Any], *, rolls: bool
) -> None:
    """Not to be discarded either: nobody would look after its objects once the kind is gone."""
    installations.create("acme")
    installations.move("acme")
    installations.admin.patch(
        MATTERMOST, installations.namespace, "acme", {"spec": {section: value}}
    )
    if rolls:
        installations.until_unpinned("acme")
    else:
        installations.until_whole(MATTERMOST, "acme")

    installations.ask("acme", kind=CLUSTER_INSTALLATION.kind, discardEdits=True)

    over = installations.until_ended("acme")
    summary = condition(over, Condition.SUCCEEDED)
    assert (summary["status"], summary["reason"]) == ("False", "NoPlace")
    assert f"spec.{section}" in summary["message"]
    assert "switch it off first" in summary["message"]
    assert installations.find(CLUSTER_INSTALLATION, "acme") is None


def test_one_behind_a_load_balancer_keeps_it_there_and_back(
    installations: Installations, stand_in: Process
) -> None:
    """The very Service: for another one a cloud makes a balancer with another address."""
    marks = {"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"}
    installations.create("acme", useServiceLoadBalancer=True, serviceAnnotations=marks)
    service = installations.get(SERVICE, "acme")
    assert service["spec"]["type"] == "LoadBalancer"
    before, since = installations.workload(), installations.witness.now()

    for kind in (MATTERMOST, CLUSTER_INSTALLATION):
        installations.move("acme", kind=kind.kind)

        installations.until_whole(kind, "acme")
        kept = installations.get(SERVICE, "acme")
        assert uid_of(kept) == uid_of(service)
        assert kept["spec"]["type"] == "LoadBalancer"
        assert kept["status"] == service["status"]
        assert marks.items() <= annotations_of(kept).items()
    assert installations.workload() == before
    assert installations.harms(since) == ()
