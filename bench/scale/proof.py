"""`make proof-scale`: thousands move and come back while much goes wrong, and all are whole.

A tenth of the installations fail in the middle, one half when their Deployment is made anew, the
other half when their Mattermost is: the API server refuses these, though it let them be rehearsed.
The leader is killed every minute and the API server restarts once. Prints one JSON document; exits
with 1 if an installation is not whole, or if there was ever a pod too many.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests

from bench.scale import crowd
from bench.scale.neighbour import Neighbour
from bench.scale.place import Place, Usage, place
from bench.scale.replicas import Replicas
from bench.scale.starts import Starts
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import name_of
from mattermost_migrate.inspection import State, inspect
from mattermost_migrate.testing.cluster import ApiError, Client
from mattermost_migrate.testing.inspector import disagreement, look
from mattermost_migrate.testing.policies import BINDING, POLICY

sys.path.insert(0, str(Path(__file__).parents[1]))
from origin import origin

#: Every twentieth name for each of the two: all that end with this digit.
_REFUSED_DIGIT: Final = 3
_REFUSED: Final = {
    MATTERMOST: f"object.metadata.name.matches('[02468]{_REFUSED_DIGIT}$')",
    DEPLOYMENT: f"object.metadata.name.matches('[13579]{_REFUSED_DIGIT}$')"
    " && has(object.metadata.labels) && "
    f"'{V1BETA1.installation}' in object.metadata.labels",
}
#: At most so many, and in a small run so few that a pause meets some who wait.
_AT_ONCE: Final = 50
_TURNS: Final = 6
_LONE: Final = 30.0
#: Seconds.
_PAUSED_WITHIN: Final = 2.0


def refuse(client: Client) -> None:
    """Have the API server refuse what makes a tenth fail."""
    for resource, bad in _REFUSED.items():
        name = f"no-{resource.plural}"
        rule = {
            "apiGroups": [resource.group],
            "apiVersions": ["*"],
            "operations": ["CREATE"],
            "resources": [resource.plural],
        }
        spec = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": f"request.dryRun || !({bad})", "message": "as told"}],
        }
        client.create(POLICY, None, {"metadata": {"name": name}, "spec": spec})
        binding = {"policyName": name, "validationActions": ["Deny"]}
        client.create(BINDING, None, {"metadata": {"name": name}, "spec": binding})
        _await_refusal(client, resource)


def _await_refusal(client: Client, resource: Resource) -> None:
    """A policy is taken up a moment later, and nobody says so."""
    labels = {V1BETA1.installation: "probe"}
    probe = f"mm-{0 if resource is MATTERMOST else 1}{_REFUSED_DIGIT}"
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "probe", "image": "probe"}]},
    }
    bare = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    spec = bare if resource is DEPLOYMENT else {}
    body = {"metadata": {"name": probe, "labels": labels}, "spec": spec}
    for _ in range(300):
        try:
            client.create(resource, "default", body)
        except ApiError as problem:
            if "as told" in str(problem):
                return
            raise
        client.delete(resource, "default", probe)
        time.sleep(0.1)  # no event tells of it
    raise TimeoutError(f"the policy against {resource} never came into force")


def move(where: Place, name: str, count: int, kind: str) -> dict[str, Any]:
    """Run a fleet to its end."""
    began = time.monotonic()
    _order(where, name, count, kind)
    return _end(where, name, count, began)


def move_and_disturb(where: Place, name: str, count: int, kind: str) -> dict[str, Any]:
    """The same; a quarter on, it is paused for a moment, and half-way the API server restarts."""
    admin, starts, began = where.cluster.admin, Starts(where.cluster.admin), time.monotonic()
    _order(where, name, count, kind)
    _until(where, name, lambda told: told["counts"]["succeeded"] >= count / 4, count)
    admin.patch(FLEET_MIGRATION, None, name, {"spec": {"paused": True}})
    paused = time.monotonic()
    _until(where, name, lambda told: told["counts"]["running"] == 0, count)
    lasted, seen = starts.last_after(paused), starts.seen
    starts.stop()
    admin.patch(FLEET_MIGRATION, None, name, {"spec": {"paused": False}})
    _until(where, name, lambda told: told["counts"]["succeeded"] >= count / 2, count)
    server = where.cluster.processes["kube-apiserver"]
    server.stop()
    server.start()
    where.cluster.until_api_server_ready(seconds=120)
    told = _end(where, name, count, began)
    return {**told, "startsSeen": seen, "lastStartAfterPauseSeconds": round(lasted, 2)}


def _order(where: Place, name: str, count: int, kind: str) -> None:
    spec = {
        "selector": {"namespaces": list(crowd.namespaces(count))},
        "desiredKind": kind,
        "maxConcurrent": max(1, min(_AT_ONCE, count // _TURNS)),
        "failureBudget": "100%",
    }
    body = {"metadata": {"name": name}, "spec": spec}
    where.cluster.admin.create(FLEET_MIGRATION, None, body)


def _end(where: Place, name: str, count: int, began: float) -> dict[str, Any]:
    status = _until(where, name, lambda told: "completionTime" in told, count)
    return {"seconds": round(time.monotonic() - began, 1), "counts": status["counts"]}


def _until(
    where: Place, name: str, holds: Callable[[dict[str, Any]], bool], count: int
) -> dict[str, Any]:
    """The fleet's status once something is true of it, also over a restart of the API server."""

    def told(fleet: dict[str, Any]) -> bool:
        status = fleet.get("status") or {}
        return "counts" in status and holds(status)

    deadline = time.monotonic() + 600 + 5 * count
    while (left := deadline - time.monotonic()) > 0:
        try:
            found = where.cluster.admin.until(FLEET_MIGRATION, None, name, told, seconds=left)
        except (ApiError, requests.RequestException):
            time.sleep(1)  # it is away, and nothing tells when it is back
        else:
            status: dict[str, Any] = found["status"]
            return status
    raise TimeoutError(f"FleetMigration {name} did not come to its end")


def not_whole(client: Client, count: int) -> tuple[Counter[str], list[str]]:
    """What the inspection says of all of them, and every word of it against one.

    It shares no code with what moves them.
    """
    states: Counter[str] = Counter()
    problems: list[str] = []
    for namespace in crowd.namespaces(count):
        scene = look(client, namespace, at=_revision(client))
        for each in client.list(INSTALLATION_MIGRATION, namespace):
            verdict = inspect(scene, namespace, name_of(each))
            states[verdict.state] += 1
            if verdict.state in (State.BROKEN, State.UNDER_WAY):
                problems.append(str(verdict))
            elif problem := disagreement(each, verdict):
                problems.append(problem)
    return states, problems


def _revision(client: Client) -> int:
    """The present one of the cluster's store."""
    listed = client.request("GET", FLEET_MIGRATION.path(None))
    return int(listed["metadata"]["resourceVersion"])


def workload(client: Client) -> dict[Resource, set[str]]:
    """The UIDs of all pods and ReplicaSets."""
    return {
        kind: {each["metadata"]["uid"] for each in client.list(kind)} for kind in (POD, REPLICA_SET)
    }


def requests_and_peak(where: Place, since: datetime, pods: int) -> dict[str, Any]:
    """From the audit log: who sent how many requests, and the most pods there ever were."""
    clients: dict[str, Counter[str]] = {}
    there = most = pods
    for event in where.cluster.audit():
        if datetime.fromisoformat(event["requestReceivedTimestamp"]) < since:
            continue
        verb, target = event["verb"], event.get("objectRef") or {}
        if "dryRun=" in event["requestURI"]:
            verb = "rehearse"
        clients.setdefault(_client(event), Counter())[verb] += 1
        done = (event.get("responseStatus") or {}).get("code", 0) < requests.codes.bad_request
        if target.get("resource") == "pods" and "subresource" not in target and done:
            there += (verb == "create") - (verb == "delete")
            most = max(most, there)
    busiest = sorted(clients.items(), key=lambda each: -each[1].total())
    return {
        "requests": {name: dict(verbs.most_common()) for name, verbs in busiest},
        "podsAtMost": most,
        "podsAtMostOfThoseWanted": round(most / pods, 3),
    }


def _client(event: dict[str, Any]) -> str:
    user = str(event["user"].get("username") or "nobody")
    return user.removeprefix("system:serviceaccount:").removeprefix("system:")


def prove(options: argparse.Namespace) -> dict[str, Any]:
    """Create, move, inspect, bring back, inspect."""
    count, head = options.count, origin()
    with place() as where:
        admin = where.cluster.admin
        replicas = Replicas(where, options.without)
        replicas.until_led()
        began = time.monotonic()
        crowd.create(admin, count)
        created = time.monotonic() - began
        refuse(admin)
        before, since = workload(admin), datetime.now(UTC)
        neighbour = Neighbour(admin)
        threading.Event().wait(_LONE)
        alone, company = neighbour.told(), f"load {os.getloadavg()[0]:.1f}"
        with replicas.dying(options.kill_every):
            there = move_and_disturb(where, "there", count, MATTERMOST.kind)
        beside_there = neighbour.told()
        moved, problems = not_whole(admin, count)
        with replicas.dying(options.kill_every):
            back = move(where, "back", count, CLUSTER_INSTALLATION.kind)
        beside_back = neighbour.told()
        neighbour.stop()
        returned, more = not_whole(admin, count)
        after = workload(admin)
        replicas.settle()
        server, store = (where.cluster.processes[each].pid for each in ("kube-apiserver", "etcd"))
        return {
            **head,
            "company": company,
            "installations": count,
            "pods": len(before[POD]),
            "without": options.without or "nothing",
            "createdSeconds": round(created, 1),
            "there": {**there, "states": dict(moved)},
            "back": {**back, "states": dict(returned)},
            "leaderKills": replicas.kills,
            "endedByThemselves": replicas.ends,
            "apiServerRestarts": 1,
            "podsMade": len(after[POD] - before[POD]),
            "podsLost": len(before[POD] - after[POD]),
            "replicaSetsMade": len(after[REPLICA_SET] - before[REPLICA_SET]),
            **requests_and_peak(where, since, len(before[POD])),
            "neighbour": {"alone": alone, "there": beside_there, "back": beside_back},
            "controllerPeakMiB": replicas.peak_mib,
            "controllerCpuSeconds": round(replicas.cpu_seconds, 1),
            "apiServerPeakMiB": Usage.of(server).peak_mib,
            "etcdPeakMiB": Usage.of(store).peak_mib,
            "notWhole": [*problems, *more],
        }


def broken(record: dict[str, Any]) -> list[str]:
    """What happened that must not."""
    count, failed = record["installations"], record["there"]["counts"]["failed"]
    refused = sum(number % 10 == _REFUSED_DIGIT for number in range(count))
    ends = (
        ("there", State.WHOLE_AS_MATTERMOST, record["there"]["counts"]["succeeded"]),
        ("back", State.WHOLE_AS_CLUSTER_INSTALLATION, count),
    )
    return [
        *(["an installation is not whole"] if record["notWhole"] else []),
        *(
            f"{way}: {record[way]['states']}, and {number} should be {state}"
            for way, state, number in ends
            if record[way]["states"].get(state) != number
        ),
        *(
            ["a pod was made"]
            if record["podsMade"] or record["podsAtMostOfThoseWanted"] > 1
            else []
        ),
        *(["others failed than were refused"] if failed != refused else []),
        *(
            ["a pause let somebody start for too long"]
            if record["there"]["lastStartAfterPauseSeconds"] > _PAUSED_WITHIN
            else []
        ),
        *(["starts were not seen"] if record["there"]["startsSeen"] < count / 4 else []),
        *(["no leader was killed"] if not record["leaderKills"] else []),
    ]


def main() -> int:
    """Prove it, print the record, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--kill-every", type=float, default=60.0, help="seconds")
    parser.add_argument("--without", choices=["fence"], help="take a precaution out")
    record = prove(parser.parse_args())
    record["broken"] = broken(record)
    print(json.dumps(record, indent=2))
    return 1 if record["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
