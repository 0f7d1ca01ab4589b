"""What an edit of a Mattermost switches on and off: the objects come, are kept, and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from controller.builtin.settled import Resync
from mattermost_migrate.domain.names import (
    INGRESS,
    INGRESS_CLASS,
    MATTERMOST,
    PERSISTENT_VOLUME_CLAIM,
)
from mattermost_migrate.domain.objects import labels_of
from mattermost_migrate.testing.builders import mattermost

Open = Callable[..., AbstractAsyncContextManager[Any]]


def test_the_claim_of_a_local_file_store_is_made_and_mended(world: Open) -> None:
    local = {"local": {"enabled": True, "storageSize": "1Gi"}}

    async def main() -> None:
        async with world(resync=Resync(soonest=1.0)) as here:
            await here.create(MATTERMOST, mattermost("acme", fileStore=local))
            claim = await here.until(PERSISTENT_VOLUME_CLAIM, "acme", bool)
            label, value = next(iter(labels_of(claim).items()))
            drift = {"metadata": {"labels": {label: "wrong"}}}
            await here.patch(PERSISTENT_VOLUME_CLAIM, "acme", drift)
            await here.until(
                PERSISTENT_VOLUME_CLAIM, "acme", lambda obj: labels_of(obj)[label] == value
            )

    asyncio.run(main())


def test_an_ingress_goes_when_it_is_switched_off(world: Open) -> None:
    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(MATTERMOST, mattermost("acme")))
            await here.until(INGRESS, "acme", bool)
            await here.patch(MATTERMOST, "acme", {"spec": {"ingress": {"enabled": False}}})
            await here.until_gone(INGRESS, "acme")

    asyncio.run(main())


def test_a_class_of_its_own_is_made_mended_and_taken_away(world: Open) -> None:
    balancer = {"enabled": True, "hosts": [{"hostName": "balanced.example.com"}]}
    spec = {"awsLoadBalancerController": balancer, "ingress": {"enabled": False}}

    async def main() -> None:
        async with world() as here:
            await here.stable(await here.create(MATTERMOST, mattermost("balanced", **spec)))
            made = await _class(here, lambda obj: obj is not None)
            label, value = next(iter(labels_of(made).items()))
            drift = {"metadata": {"labels": {label: "wrong"}}}
            await here.api.patch(INGRESS_CLASS, None, "balanced", drift)
            await _class(here, lambda obj: obj is not None and labels_of(obj)[label] == value)
            await here.quiet()
            await here.api.delete(INGRESS_CLASS, None, "balanced")
            await _class(here, lambda obj: obj is not None)
            other = {"spec": {"awsLoadBalancerController": {"ingressClassName": "other"}}}
            await here.patch(MATTERMOST, "balanced", other)
            await _class(here, lambda obj: obj is None)

    asyncio.run(main())


async def _class(here: Any, holds: Callable[[Any], bool]) -> Any:
    """The cluster's IngressClass once it is so; None is one that is not there."""
    async with asyncio.timeout(60):
        while True:
            if holds(found := await here.api.find(INGRESS_CLASS, None, "balanced")):
                return found
            await asyncio.sleep(0.1)
