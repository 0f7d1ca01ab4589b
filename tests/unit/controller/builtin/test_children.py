from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.builtin.children import Children
from controller.builtin.operator import BuiltinOperator
from controller.builtin.outcomes import ProblemError
from mattermost_migrate.domain.children import Removal
from mattermost_migrate.domain.names import DEPLOYMENT, INGRESS_CLASS, MATTERMOST, Resource
from mattermost_migrate.domain.objects import JsonObject, owner_reference
from mattermost_migrate.kube import Informer

OWNER: JsonObject = {"metadata": {"namespace": "ns", "name": "acme", "uid": "1"}, "spec": {}}


class Server:
    """An API server that has the installation, and says what it was told to delete."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def find(self, *_: Any) -> JsonObject | None:
        return OWNER

    async def delete(self, resource: Resource, _: str | None, name: str, **__: Any) -> None:
        self.deleted.append(f"{resource.kind} {name}")


def test_a_job_server_with_labels_of_its_own_goes_when_it_is_switched_off() -> None:
    server: Any = Server()
    operator = BuiltinOperator(server, {DEPLOYMENT: Informer(server, DEPLOYMENT)})
    operator._job_servers.note(
        {
            "metadata": {
                "namespace": "ns",
                "name": "acme-jobserver",
                "uid": "2",
                "resourceVersion": "7",
                "labels": {"app": "mattermost-jobserver", "team": "chat"},
                "ownerReferences": [owner_reference(OWNER, MATTERMOST)],
            }
        }
    )
    children = Children(server, operator._known, MATTERMOST, OWNER)
    asyncio.run(children.remove(Removal(DEPLOYMENT, "acme-jobserver")))
    assert server.deleted == ["Deployment acme-jobserver"]


class Shared:
    """An API server with two Mattermosts of one name, and the class that one of them controls."""

    def __init__(self, *, lives: bool) -> None:
        metadata = {"namespace": "other", "name": "acme", "uid": "2", "resourceVersion": "7"}
        frozen = {"awsLoadBalancerController": {"enabled": True, "hosts": []}}
        self.other: JsonObject = {"metadata": metadata, "spec": frozen}
        self.lives = lives
        owners = [owner_reference(self.other, MATTERMOST)]
        own = {"name": "acme", "uid": "3", "resourceVersion": "7", "ownerReferences": owners}
        self.ingress_class: JsonObject = {"metadata": own, "spec": {}}
        self.replaced: list[JsonObject] = []

    async def find(self, resource: Resource, namespace: str, _: str) -> JsonObject | None:
        if resource == INGRESS_CLASS:
            return self.ingress_class
        if namespace == "ns":
            return OWNER
        return self.other if self.lives else None

    async def replace(self, _: Resource, obj: JsonObject) -> JsonObject:
        self.replaced.append(obj)
        return obj


@pytest.mark.parametrize("lives", [True, False], ids=["it lives", "it is gone"])
def test_a_class_is_taken_from_a_namesake_elsewhere_only_when_that_is_gone(*, lives: bool) -> None:
    server: Any = Shared(lives=lives)
    informer = Informer(server, MATTERMOST)
    informer.note(server.other)
    operator = BuiltinOperator(server, {MATTERMOST: informer})
    children = Children(server, operator._known, MATTERMOST, OWNER)
    owners = [owner_reference(OWNER, MATTERMOST)]
    wanted = {
        "apiVersion": INGRESS_CLASS.api_version,
        "kind": INGRESS_CLASS.kind,
        "metadata": {"name": "acme", "namespace": "ns", "ownerReferences": owners},
        "spec": {"controller": "ingress.k8s.aws/alb"},
    }

    if lives:
        with pytest.raises(ProblemError, match="controlled by Mattermost acme of namespace other"):
            asyncio.run(children.bring(wanted))
    else:
        asyncio.run(children.bring(wanted))

    assert len(server.replaced) == (not lives)
