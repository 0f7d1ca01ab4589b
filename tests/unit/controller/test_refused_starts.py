"""An API server that refuses the start of some: the others start, and all is told as it is."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.fleet import BY_FLEET, FleetReconciler, fleets_of
from controller.report import Reporter
from controller.verdicts import Verdicts
from mattermost_migrate.domain.errors import ForbiddenError, RejectedError, TransientError
from mattermost_migrate.domain.fleet import Standing
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    Condition,
    Reason,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, key_of
from mattermost_migrate.domain.reported import condition_status
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Refuse
from mattermost_migrate.kube import Client, Informer
from mattermost_migrate.testing.fleets import NOW, ended, enlist, fleet

SELECTED = {"type": Condition.TARGETS_SELECTED, "status": "True", "lastTransitionTime": "…"}


class Cluster:
    """One fleet and its members, in two namespaces; as client, and as who takes events.

    Attributes:
        refuses: gives the error that the start of a member is answered by, if it is.
        unseen: what was stored of whom and never told, by name.
        asked: whose start was sent, in order.
        now: the time, to be put forward.
        takes, waited: seconds until a refused start is answered, and in all until now.
    """

    def __init__(self, *members: tuple[str, str], **spec: Any) -> None:
        self.subject = {**fleet(**spec), "status": {"conditions": [SELECTED]}}
        client = cast("Client", self)
        self.informers = {
            INSTALLATION_MIGRATION: Informer(
                client, INSTALLATION_MIGRATION, indexes={BY_FLEET: fleets_of}
            ),
            **{
                resource: Informer(client, resource)
                for resource in (FLEET_MIGRATION, CLUSTER_INSTALLATION, MATTERMOST)
            },
        }
        self.informers[FLEET_MIGRATION].note(self.subject)
        for place, (namespace, name) in enumerate(members):
            made = enlist(self.subject, name, place, namespace=namespace)
            self.informers[INSTALLATION_MIGRATION].note(made)
        self.refuses: Callable[[str, str], Exception | None] = lambda *_: None
        self.unseen: dict[str, JsonObject] = {}
        self.asked: list[str] = []
        self.takes = self.waited = 0.0
        self.now: datetime = NOW
        self.events: list[str] = []
        self._version = 1

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.known["status"])

    @property
    def known(self) -> JsonObject:
        known = self.informers[FLEET_MIGRATION].get(None, "all")
        assert known is not None
        return known

    async def get(self, *_: object) -> JsonObject:
        return self.known

    async def find(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        return self.unseen.get(name) or self.informers[resource].get(namespace, name)

    async def list(self, *_: object, **__: object) -> Any:
        return SimpleNamespace(items=())

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, body: Any, **_: str
    ) -> JsonObject:
        if namespace:
            self.asked.append(name)
            if error := self.refuses(namespace, name):
                self.waited += self.takes
                raise error
        known = self.informers[resource].get(namespace, name)
        assert known is not None
        return self._merged(known, body)

    def member(self, name: str) -> JsonObject:
        """A member as it is known."""
        known = self.informers[INSTALLATION_MIGRATION].items()
        (found,) = (each for each in known if key_of(each)[1] == name)
        return found

    def end(self, name: str, how: Standing) -> None:
        """A member comes to its end."""
        known = self.member(name)
        self.informers[INSTALLATION_MIGRATION].note(self._merged(ended(dict(known), how), {}))

    def record(self, _: object, reason: str, *__: object, **___: object) -> None:
        self.events.append(reason)

    def running(self) -> list[str]:
        known = self.informers[INSTALLATION_MIGRATION].items()
        return sorted(key_of(each)[1] for each in known if not each["spec"].get("paused"))

    def _merged(self, known: JsonObject, body: Mapping[str, Any]) -> JsonObject:
        made = copy.deepcopy(dict(known))
        self._version += 1
        for part in ("spec", "status"):
            merged = {**made.get(part, {}), **body.get(part, {})}
            made[part] = {key: value for key, value in merged.items() if value is not None}
        annotations = body.get("metadata", {}).get("annotations", {})
        made["metadata"].setdefault("annotations", {}).update(annotations)
        made["metadata"]["resourceVersion"] = str(self._version)
        return made


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float | None]]:
    """Looks at a fleet, a second after the other; what each look gave."""
    clock = [100.0]

    def run(cluster: Cluster, reconciler: FleetReconciler, count: int = 1) -> list[float | None]:
        def now(_: object) -> datetime:
            return cluster.now + timedelta(seconds=cluster.waited)

        timer = SimpleNamespace(monotonic=lambda: clock[0] + cluster.waited)
        for module in ("controller.fleet", "controller.muster"):
            monkeypatch.setattr(f"{module}.time", timer)
            monkeypatch.setattr(f"{module}.datetime", SimpleNamespace(now=now))
        answers = []
        for _ in range(count):
            answers.append(asyncio.run(reconciler.reconcile(("", "all"))))
            clock[0] += 2
            cluster.now += timedelta(seconds=2)
        return answers

    return run


def reconciler(cluster: Cluster, verdicts: Verdicts | None = None) -> FleetReconciler:
    given: Any = (cluster, cluster.informers, cluster, verdicts or Verdicts())
    return FleetReconciler(*given)


def summary(cluster: Cluster) -> tuple[str, str, str]:
    found = condition_status(cluster.known, Condition.SUCCEEDED) or {}
    return found["status"], found["reason"], found["message"]


@pytest.mark.parametrize("error", [RejectedError, ForbiddenError])
def test_one_namespace_that_refuses_keeps_no_other_waiting(
    error: type[Exception], passes: Callable[..., list[float | None]]
) -> None:
    members = [("a", f"a-{number}") for number in range(3)]
    cluster = Cluster(*members, ("b", "b-0"), ("b", "b-1"), ("b", "b-2"), maxConcurrent=2)
    cluster.refuses = lambda namespace, name: error(f"no {name}") if namespace == "a" else None
    fleets = reconciler(cluster)

    (again,) = passes(cluster, fleets)

    assert cluster.running() == ["b-0", "b-1"], "never more than maxConcurrent"
    counts = cluster.status["counts"]
    assert (counts["waiting"], counts["running"]) == (4, 2)
    reason = error.__name__.removesuffix("Error")
    assert summary(cluster) == ("Unknown", reason, "no a-0")
    assert condition_status(cluster.known, Condition.STALLED) is None
    assert condition_status(cluster.known, Condition.RECONCILING)
    assert again is not None
    assert 0 < again <= 1

    cluster.end("b-0", Standing.SUCCEEDED)
    passes(cluster, fleets)

    assert cluster.running() == ["b-0", "b-1", "b-2"]
    assert cluster.status["counts"]["succeeded"] == 1
    assert cluster.events.count(reason) == 1


def test_where_nobody_can_start_it_stalls_and_goes_on_once_it_may(
    passes: Callable[..., list[float | None]],
) -> None:
    cluster = Cluster(*(("a", f"a-{number}") for number in range(3)), maxConcurrent=1)
    cluster.refuses = lambda _, name: RejectedError(f"no {name}")
    fleets = reconciler(cluster)

    answers = passes(cluster, fleets, 20)

    assert summary(cluster) == ("Unknown", "Rejected", "no a-0")
    assert condition_status(cluster.known, Condition.STALLED)
    assert cluster.status["counts"]["waiting"] == 3
    assert all(each is not None for each in answers), "nothing else would bring it up again"
    assert len(cluster.asked) < 3 * 7, "later each time"
    assert cluster.events.count("Rejected") == 1

    cluster.refuses = lambda *_: None
    passes(cluster, fleets, 16)

    assert cluster.running() == ["a-0"]
    assert summary(cluster) == ("Unknown", "Rejected", "no a-1")


def test_an_edit_of_the_fleet_is_tried_at_once(
    passes: Callable[..., list[float | None]],
) -> None:
    cluster = Cluster(("a", "a-0"))
    cluster.refuses = lambda _, name: RejectedError(f"no {name}")
    fleets = reconciler(cluster)
    passes(cluster, fleets, 10)

    cluster.refuses = lambda *_: None
    cluster.informers[FLEET_MIGRATION].note(
        cluster._merged(cluster.known, {"spec": {"maxSurge": 2}})
    )
    passes(cluster, fleets)

    assert cluster.running() == ["a-0"]
    assert summary(cluster)[1] == "Progressing"


def test_a_webhook_that_is_down_in_one_namespace_keeps_no_other_waiting_and_is_told_of(
    passes: Callable[..., list[float | None]],
) -> None:
    """As the API server answers then; told once it has lasted for a minute."""
    cluster = Cluster(("a", "a-0"), ("a", "a-1"), ("b", "b-0"), ("b", "b-1"), maxConcurrent=1)
    down = TransientError('500: failed calling webhook "theirs"', answered=True)
    cluster.refuses = lambda namespace, _: down if namespace == "a" else None
    fleets = reconciler(cluster)

    passes(cluster, fleets)
    assert cluster.running() == ["b-0"], "never more than maxConcurrent"
    assert summary(cluster)[:2] == ("Unknown", "Progressing")
    cluster.end("b-0", Standing.SUCCEEDED)
    passes(cluster, fleets)
    assert cluster.running() == ["b-0", "b-1"]
    cluster.end("b-1", Standing.SUCCEEDED)
    passes(cluster, fleets, 60)
    assert summary(cluster) == ("Unknown", "Unavailable", str(down))
    assert condition_status(cluster.known, Condition.STALLED)
    assert cluster.events.count("Unavailable") == 1
    assert len(cluster.asked) < 2 + 2 * 10, "later each time"

    cluster.refuses = lambda *_: None
    passes(cluster, fleets, 16)
    assert cluster.running() == ["a-0", "b-0", "b-1"]


def test_a_webhook_that_is_waited_for_in_vain_is_reported_of_all_the_same(
    passes: Callable[..., list[float | None]],
) -> None:
    """There is always one who has rested by then: the pass would never come to an end."""
    cluster = Cluster(*(("a", f"a-{number}") for number in range(60)), maxConcurrent=15)
    slow = TransientError('500: failed calling webhook "theirs"', answered=True)
    cluster.refuses = lambda *_: slow
    cluster.takes = 10.0 / 15
    fleets = reconciler(cluster)

    for _ in range(30):
        passes(cluster, fleets)

    assert summary(cluster) == ("Unknown", "Unavailable", str(slow))
    assert len(cluster.asked) < 30 * 15


def test_a_start_that_may_yet_be_applied_lets_nobody_else_start_in_its_place(
    passes: Callable[..., list[float | None]],
) -> None:
    cluster = Cluster(("a", "a-0"), ("b", "b-0"), maxConcurrent=1)
    cluster.refuses = lambda namespace, _: TransientError("lost") if namespace == "a" else None

    with pytest.raises(TransientError):
        passes(cluster, reconciler(cluster))

    assert cluster.running() == []
    assert cluster.asked == ["a-0"]


def test_what_passes_by_itself_is_kept_in_mind_by_nobody(
    passes: Callable[..., list[float | None]],
) -> None:
    cluster = Cluster(("a", "a-0"), ("b", "b-0"))
    cluster.refuses = lambda namespace, _: TransientError("busy") if namespace == "a" else None

    with pytest.raises(TransientError):
        passes(cluster, reconciler(cluster))

    assert cluster.running() == ["b-0"]


LOST = TransientError("the connection died")


class Failing:
    """A fleet of four, two at once, of which none may fail; ``a-0`` does, and the answer is lost.

    Attributes:
        cluster: where.
        fleets: who starts the others.
        run: looks at the fleet.
    """

    def __init__(self, run: Callable[..., list[float | None]]) -> None:
        names = (("a", "a-0"), ("a", "a-1"), ("b", "b-0"), ("b", "b-1"))
        self.cluster = Cluster(*names, maxConcurrent=2, failureBudget=0)
        verdicts = Verdicts()
        self.fleets = reconciler(self.cluster, verdicts)
        note = self.cluster.informers[INSTALLATION_MIGRATION].note
        self._reporter = Reporter(cast("Client", self.cluster), note, verdicts)
        self.run = lambda: run(self.cluster, self.fleets)
        self.run()
        assert self.cluster.running() == ["a-0", "a-1"]

    def give_up(self, error: Exception | None = None) -> None:
        """The failure is sent, and answered so."""
        self.cluster.refuses = lambda _, name: error if name == "a-0" else None
        seen = Snapshot(migration=self.cluster.member("a-0"), target_kind=MATTERMOST.kind)
        try:
            asyncio.run(self._reporter.give_up(seen, Refuse(Reason.REJECTED, "no")))
        finally:
            self.cluster.refuses = lambda *_: None

    def stored(self, **status: Any) -> None:
        """A write of that status was carried out, and nobody has heard of it."""
        made = self.cluster._merged(self.cluster.member("a-0"), {"status": status})
        self.cluster.unseen["a-0"] = made


@pytest.mark.parametrize("answered", [False, True], ids=["lost", "500"])
def test_nobody_starts_after_a_failure_whose_answer_was_lost(
    passes: Callable[..., list[float | None]], *, answered: bool
) -> None:
    failing = Failing(passes)

    with pytest.raises(TransientError):
        failing.give_up(TransientError("no answer", answered=answered))
    failing.stored(failure={"observedGeneration": 1, "reason": "Rejected", "message": "no"})
    failing.cluster.end("a-1", Standing.SUCCEEDED)
    failing.run()

    assert failing.cluster.running() == ["a-0", "a-1"]
    assert summary(failing.cluster)[1] == "FailureBudgetSpent"


def test_nobody_starts_while_a_failure_may_yet_be_recorded(
    passes: Callable[..., list[float | None]],
) -> None:
    failing = Failing(passes)

    with pytest.raises(TransientError):
        failing.give_up(LOST)
    failing.cluster.end("a-1", Standing.SUCCEEDED)
    with pytest.raises(TransientError, match="a/a-0"):
        failing.run()
    assert failing.cluster.running() == ["a-0", "a-1"]

    failing.give_up()  # sent again, by the same look
    failing.run()
    assert failing.cluster.running() == ["a-0", "a-1"]
    assert summary(failing.cluster)[1] == "FailureBudgetSpent"


def test_nobody_starts_while_nobody_can_read_whether_one_has_failed(
    passes: Callable[..., list[float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> None:
        raise LOST

    failing = Failing(passes)
    with pytest.raises(TransientError):
        failing.give_up(LOST)
    failing.cluster.end("a-1", Standing.SUCCEEDED)
    monkeypatch.setattr(failing.cluster, "find", lost)

    with pytest.raises(TransientError):
        failing.run()

    assert failing.cluster.running() == ["a-0", "a-1"]


@pytest.mark.parametrize(
    ("error", "went_on"),
    [
        pytest.param(LOST, True, id="it has been written since: what was lost comes to nothing"),
        pytest.param(TransientError("500", answered=True), False, id="it was not taken up"),
    ],
)
def test_others_start_where_a_failure_was_not_recorded(
    error: Exception, passes: Callable[..., list[float | None]], *, went_on: bool
) -> None:
    failing = Failing(passes)

    with pytest.raises(TransientError):
        failing.give_up(error)
    if went_on:
        failing.stored(currentStep="SourceFrozen")
    failing.cluster.end("a-1", Standing.SUCCEEDED)
    failing.run()

    assert failing.cluster.running() == ["a-0", "a-1", "b-0"]
