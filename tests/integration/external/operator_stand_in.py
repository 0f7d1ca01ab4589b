"""Plays the Go operator beside the controller: a process of the builtin reconcilers, and no more.

Where a migration can feel a difference it behaves as the Go operator does rather than as ours:

- it writes whole objects, and so wipes what others added to them (operator facts 0.4);
- so many installations of a kind reconcile at once and no more; who finds them full is looked at
  again after a while (operator facts 0.1, 2.1, 3.1).

What it says of a freeze is what the operator says: ours do so anyway, and a test holds them to it.

As a later version (``--later``) it makes other pods of both kinds: with one variable more, which a
pin keeps out, and with something else in their containers, which no pin could know of.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import Any

from controller.app import make_informers
from controller.builtin import BuiltinOperator
from controller.worker import Key, Reconcile
from mattermost_migrate.domain.children import cluster_installation, mattermost
from mattermost_migrate.domain.children.deployment import AppContainer
from mattermost_migrate.domain.last_applied import decode
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    LAST_APPLIED,
    SERVICE,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of
from mattermost_migrate.kube import Client, Informer, connect
from mattermost_migrate.logs import configure

#: The states that count against the limit, by kind.
RECONCILING = {CLUSTER_INSTALLATION.kind: {"reconciling"}, "Mattermost": {"reconciling", "ready"}}


class WholeObjects(Client):
    """Puts children as the operator does: what it wants, and nothing of what others added."""

    async def replace(self, resource: Resource, obj: JsonObject, **options: Any) -> JsonObject:
        """PUT it, without whatever is not in the operator's own record of the object."""
        recorded = annotations_of(obj).get(LAST_APPLIED)
        return await super().replace(
            resource, _whole(obj, recorded) if recorded else obj, **options
        )


def _whole(obj: JsonObject, recorded: str) -> JsonObject:
    wanted = decode(recorded)
    metadata = {
        **wanted["metadata"],
        "resourceVersion": obj["metadata"]["resourceVersion"],
        "namespace": obj["metadata"].get("namespace"),
        "annotations": {**annotations_of(wanted), LAST_APPLIED: recorded},
    }
    if obj["kind"] == DEPLOYMENT.kind:  # its zeros are not recorded
        wanted["spec"]["strategy"] = obj["spec"]["strategy"]
    if obj["kind"] == SERVICE.kind:  # carried over from the live one
        carried = {
            key: obj["spec"][key] for key in ("clusterIP", "clusterIPs") if key in obj["spec"]
        }
        wanted["spec"] = {**carried, **wanted["spec"]}
    return {**wanted, "apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}


class Limit:
    """How many installations of a kind reconcile at once."""

    def __init__(self, informers: dict[Resource, Informer], most: int, delay: float) -> None:
        self._informers = informers
        self._most = most
        self._delay = delay

    def gate(self, resource: Resource, reconcile: Reconcile) -> Reconcile:
        """Turn away who finds them full."""
        informer, counting = self._informers[resource], RECONCILING[resource.kind]

        async def guarded(key: Key) -> float | None:
            states = {
                (each["metadata"]["namespace"], each["metadata"]["name"]): _state(each)
                for each in informer.items()
            }
            if key in states and states[key] not in counting:
                full = sum(state in counting for state in states.values()) >= self._most
                if full:
                    return self._delay
            return await reconcile(key)

        return guarded


def _state(installation: JsonObject) -> str:
    return str((installation.get("status") or {}).get("state") or "")


class LaterContainer(AppContainer):
    """Mattermost's container as a later version of the operator has it."""

    def to_json(self) -> dict[str, Any]:
        """As a container of a pod."""
        known = super().to_json()
        added = {"name": "MM_LATER", "value": "true"}
        return {**known, "terminationMessagePolicy": "File", "env": [added, *known["env"]]}


async def run(options: argparse.Namespace) -> None:
    """Be the operator until told to end."""
    async with WholeObjects(await connect()) as client:
        informers = make_informers(client)
        limit = Limit(informers, options.limit, options.delay)
        operator = BuiltinOperator(client, informers, workers=options.workers, gate=limit.gate)
        async with asyncio.TaskGroup() as group:
            for informer in informers.values():
                group.create_task(informer.run())
            group.create_task(operator.run())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=4)
    parser.add_argument("--delay", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--later", action="store_true", help="be a version that makes other pods")
    options = parser.parse_args()
    if options.later:
        for generator in (cluster_installation, mattermost):
            vars(generator)[AppContainer.__name__] = LaterContainer
    configure("info")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(run(options))
