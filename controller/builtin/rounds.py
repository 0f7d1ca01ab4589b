"""One round over an installation: what the reconcilers of both kinds do alike."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from controller.builtin import update_job
from controller.builtin.children import Children
from controller.builtin.known import Known
from controller.builtin.settled import Resync, Settled, Whose
from controller.heard import Heard
from controller.observe import BY_INSTALLATION
from mattermost_migrate.domain.children import Rendered
from mattermost_migrate.domain.children.labels import JOB_SERVER
from mattermost_migrate.domain.errors import NotFoundError, StaleError
from mattermost_migrate.domain.health import Health, Seen
from mattermost_migrate.domain.inventory import job_server
from mattermost_migrate.domain.names import (
    APP_LABEL,
    DEPLOYMENT,
    INGRESS,
    MATTERMOST,
    REPLICA_SET,
    ROLE_BINDING,
    SERVICE,
    Labels,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of
from mattermost_migrate.kube import Client, EventRecorder

__all__ = ["JOB_SECONDS", "Round", "Workshop", "generate"]

#: When to look again at what is not healthy, should no event come (operator facts 2.1, 3.1).
AGAIN_SECONDS: Final = 6.0
#: When to look again at an update Job (operator facts 3.1).
JOB_SECONDS: Final = 10.0
#: How old an installation is that was made a moment ago, and when to look at it again. Fifty at
#: once on two busy cores wait more than ten seconds for their Deployment to be written and seen.
_YOUNG: Final = 30.0
_FIRST_WORD: Final = 2.0
_ALPHABET: Final = string.ascii_lowercase + string.digits


def generate(purpose: str, length: int) -> str:  # noqa: ARG001 - tests make it depend on the purpose
    """Random text for a password."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every round works with.

    Attributes:
        client: to write by; fenced by the lease.
        known: to look by.
        events: tells users what went wrong.
        settled: whose children need no look.
        resync: when to look at them all the same.
        heard: where the engine in this process listens, if there is one.
        generate: makes up passwords.
    """

    client: Client
    known: Known
    events: EventRecorder
    settled: Settled
    resync: Resync
    heard: Heard | None = None
    generate: Callable[[str, int], str] = generate


@dataclass(slots=True)
class Round:
    """One round over one installation.

    Attributes:
        shop: what it works with.
        resource: the installation's kind.
        labels: the kind's own label keys.
        seen: the installation; newer after each write of it.
    """

    shop: Workshop
    resource: Resource
    labels: Labels
    seen: JsonObject

    @property
    def namespace(self) -> str:
        """The installation's namespace."""
        return namespace_of(self.seen)

    @property
    def whose(self) -> Whose:
        """Whose children."""
        return self.resource.kind, self.namespace, name_of(self.seen)

    async def store_spec(self, spec: Mapping[str, Any]) -> None:
        """Store the spec with its defaults, before anything else is done with it."""
        await self._replace({**self.seen, "spec": spec})

    async def store_status(self, status: Mapping[str, Any]) -> None:
        """Store the status, if it is another; StaleError when the installation has moved."""
        if status != (self.seen.get("status") or {}):
            await self._replace({**self.seen, "status": status}, subresource="status")

    async def report(self, health: Health) -> float:
        """Store what the health check found; gives the seconds after which to look again.

        Of a new installation nothing is said before the Deployment controller has seen its
        Deployment, which it does in a moment: one write less, and one state less to flicker.
        """
        state = (self.seen.get("status") or {}).get("state")
        unseen = not health.healthy and "replicas" not in health.status  # none may be wanted
        if not state and unseen and _just_made(self.seen):
            return _FIRST_WORD
        await self.store_status(health.status)
        if not health.healthy:
            return AGAIN_SECONDS
        return self.shop.resync.after(len(self.shop.known.informers[self.resource]))

    async def bring(self, rendered: Rendered) -> None:
        """Bring children and removals about.

        Raises:
            ProblemError: one cannot be made.
            NotReadyError: the update Job has to finish first.
        """
        children = Children(self.shop.client, self.shop.known, self.resource, self.seen)
        # A RoleBinding rests on its Role (who binds has to have what it grants, and the API server
        # looks it up), Deployments on all the others.
        last = (ROLE_BINDING.kind, DEPLOYMENT.kind)
        await _all(children.bring(c) for c in rendered.children if c["kind"] not in last)
        await _all(children.bring(c) for c in rendered.children if c["kind"] == ROLE_BINDING.kind)
        for child in rendered.children:
            if child["kind"] == DEPLOYMENT.kind:
                await self._migrate_database(children, child)
                await children.bring(child)
        if rendered.error is None:
            await update_job.finish(children)
        for removal in rendered.removals:
            await children.remove(removal)

    async def health(self, *names: str) -> Seen:
        """What the namespace shows of the Deployments of these names, by memory where it can."""
        known, namespace = self.shop.known, self.namespace
        deployments = {name: await known.find(DEPLOYMENT, namespace, name) for name in names}
        return Seen(
            deployments={name: obj for name, obj in deployments.items() if obj is not None},
            replica_sets=(*self._labelled(REPLICA_SET, names), *await self._job_servers(names)),
            ingresses=self._labelled(INGRESS, names),
            services=self._labelled(SERVICE, names),
        )

    def warn(self, problem: str) -> None:
        """Tell the user, once for the same problem."""
        self.shop.events.record(
            self.seen, "ReconcileFailed", problem, action="Reconcile", warning=True
        )

    async def _migrate_database(self, children: Children, child: JsonObject) -> None:
        if self._is_job_server(name_of(child)):
            return
        live = await self.shop.known.find(DEPLOYMENT, self.namespace, name_of(child))
        if live is not None:
            await update_job.run(children, live, child)

    def _labelled(self, resource: Resource, names: Iterable[str]) -> tuple[JsonObject, ...]:
        informer = self.shop.known.informers[resource]
        return tuple(
            obj
            for name in names
            for obj in informer.by_index(BY_INSTALLATION, f"{self.namespace}/{name}")
        )

    def _is_job_server(self, deployment: str) -> bool:
        """Whether it only runs jobs; asked of the whole name, for installations may end like it."""
        return self.resource == MATTERMOST and deployment == job_server(name_of(self.seen))

    async def _job_servers(self, names: Iterable[str]) -> tuple[JsonObject, ...]:
        """The ReplicaSets of a job server, whose labels no informer selects."""
        if not any(map(self._is_job_server, names)):
            return ()
        selector = f"{self.labels.installation}={name_of(self.seen)},{APP_LABEL}={JOB_SERVER}"
        listing = await self.shop.client.list(REPLICA_SET, self.namespace, label_selector=selector)
        return listing.items

    async def _replace(self, obj: JsonObject, *, subresource: str | None = None) -> None:
        request = self.shop.client.replace(self.resource, obj, subresource=subresource)
        try:
            stored = await self.shop.known.write(self.resource, obj, request)
        except NotFoundError as gone:
            raise StaleError(str(gone)) from gone
        self.seen = stored


def _just_made(obj: JsonObject) -> bool:
    made = datetime.fromisoformat(str(obj["metadata"]["creationTimestamp"]))
    return 0 <= (datetime.now(UTC) - made).total_seconds() < _YOUNG


async def _all(writes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run them together, to the end; raises the first problem in their order."""
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
