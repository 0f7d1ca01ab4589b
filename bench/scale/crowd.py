"""Installations by the thousand, in namespaces of a hundred."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.testing.builders import (
    cluster_installation,
    database_secret,
    file_secret,
    installed,
)
from mattermost_migrate.testing.cluster import Client

__all__ = ["create", "hold", "namespaces", "prepare", "until"]

_A_NAMESPACE = 100
_THREADS = 16


def _names(count: int, whose: str = "crowd") -> Iterator[tuple[str, str]]:
    for number in range(count):
        yield f"{whose}-{number // _A_NAMESPACE:03d}", f"mm-{number:05d}"


def namespaces(count: int, whose: str = "crowd") -> tuple[str, ...]:
    """Where so many are."""
    return tuple(sorted({namespace for namespace, _ in _names(count, whose)}))


def prepare(client: Client, count: int, whose: str = "crowd") -> None:
    """Namespaces with the Secrets of a database and a file store."""
    for namespace in namespaces(count, whose):
        client.create(NAMESPACE, None, {"metadata": {"name": namespace}})
        client.until(SERVICE_ACCOUNT, namespace, "default", bool)
        for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
            client.create(SECRET, namespace, secret)


def _all(call: Callable[..., object], arguments: Iterable[tuple[Any, ...]]) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(call, *each) for each in arguments]:
            done.result()


def create(client: Client, count: int, whose: str = "crowd") -> None:
    """ClusterInstallations of two pods each; returns when every one is stable."""
    prepare(client, count, whose)
    _all(
        client.create,
        (
            (CLUSTER_INSTALLATION, namespace, cluster_installation(name, namespace))
            for namespace, name in _names(count, whose)
        ),
    )
    where = set(namespaces(count, whose))

    def stable(obj: dict[str, Any]) -> bool:
        there = obj["metadata"]["namespace"] in where
        return there and (obj.get("status") or {}).get("state") == "stable"

    until(client, CLUSTER_INSTALLATION, count, stable, seconds=120 + 2 * count)


def until(
    client: Client,
    resource: Resource,
    count: int,
    holds: Callable[[dict[str, Any]], bool],
    *,
    seconds: float,
) -> None:
    """Wait until so many objects are as they should be; TimeoutError says how many are not."""
    good: set[str] = set()
    over = threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    try:
        while len(good) < count:
            for _, obj in client.watch(resource, seconds=30):
                (good.add if holds(obj) else good.discard)(obj["metadata"]["uid"])
                if len(good) >= count:
                    return
                if over.is_set():
                    raise TimeoutError(f"{count - len(good)} of {count} {resource} are not there")
    finally:
        timer.cancel()


def hold(client: Client, count: int) -> None:
    """Stable installations without anybody who makes them: their objects, as they would be.

    Needs ``prepare`` before, and then the controller-manager stopped, or it would make pods.
    """
    example = installed()
    shown = {
        resource: [example.find(resource, f"acme{suffix}") or {}]
        for resource, suffix in (
            (CLUSTER_INSTALLATION, ""),
            (DEPLOYMENT, ""),
            (REPLICA_SET, "-5d9f"),
        )
    }
    _all(_hold_one, ((client, namespace, name, shown) for namespace, name in _names(count)))


def _hold_one(
    client: Client, namespace: str, name: str, shown: dict[Resource, list[dict[str, Any]]]
) -> None:
    owners: dict[str, str] = {}
    for resource, objects in shown.items():
        for each in objects:
            made = client.create(resource, namespace, _renamed(each, namespace, name, owners))
            owners[resource.kind] = made["metadata"]["uid"]
    template = shown[REPLICA_SET][0]["spec"]["template"]
    spec = {key: each for key, each in template["spec"].items() if "erviceAccount" not in key}
    for number in range(2):
        pod = {
            "metadata": {
                **template["metadata"],
                "name": f"acme-5d9f-{number}",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "uid": ""}],
            },
            "spec": spec,
        }
        client.create(POD, namespace, _renamed(pod, namespace, name, owners))


def _renamed(
    obj: dict[str, Any], namespace: str, name: str, owners: dict[str, str]
) -> dict[str, Any]:
    """The same object of another installation."""
    text = str(obj["metadata"]["name"])
    metadata = {
        key: value for key, value in obj["metadata"].items() if key in ("labels", "annotations")
    }
    metadata |= {"name": text.replace("acme", name), "namespace": namespace}
    metadata["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": str(owner.get("name") or f"{name}-5d9f").replace("acme", name),
            "uid": owners[owner["kind"]],
            "controller": True,
        }
        for owner in obj["metadata"].get("ownerReferences") or ()
    ]
    made: dict[str, Any] = _replaced(
        {key: value for key, value in obj.items() if key not in ("metadata", "status")}, name
    )
    metadata["labels"] = _replaced(metadata.get("labels") or {}, name)
    return {**made, "metadata": metadata}


def _replaced(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, name) for each in value]
    return value.replace("acme", name) if isinstance(value, str) else value
