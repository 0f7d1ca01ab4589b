"""Somebody who edits installations at the worst moment: while they are being migrated."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

import requests

from deploy.demo.record import Change, Look
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    LOCK_LABEL,
    OWN_GROUP,
    SERVICE,
)
from mattermost_migrate.domain.objects import labels_of, name_of, namespace_of, uid_of
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["Attempt", "Intruder", "attempt_at", "in_flight"]

#: How long the freeze may take after the lock, and between two looks: seconds.
_PATIENCE: Final = 2.0
_PAUSE: Final = 0.01
_LOST_RACE: Final = (requests.codes.not_found, requests.codes.conflict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One edit, and what came of it.

    Attributes:
        command: the edit, as one would type it.
        status: the HTTP status of the refusal; 0 when it was not refused.
        answer: what kubectl would print.
        excuse: the API server's own word that it gave up asking the webhook about it; else empty.
    """

    command: str
    status: int
    answer: str
    excuse: str = ""

    @property
    def refused(self) -> bool:
        """The API server said no."""
        return self.status != 0

    @property
    def by_webhook(self) -> bool:
        """It was our webhook that said no, and not the policy in the API server."""
        return self.refused and "admission webhook" in self.answer


def attempt_at(command: str, edit: Callable[[], object]) -> Attempt:
    """Try an edit.

    Args:
        command: how one would type it.
        edit: sends it.
    """
    try:
        edit()
    except ApiError as problem:
        _, _, message = str(problem).partition(": ")
        answer = f"Error from server ({problem.reason}): {message}"
        return Attempt(command, problem.status, answer)
    return Attempt(command, 0, "done")


def in_flight(change: Change) -> bool:
    """Whether an InstallationMigration holds the lock: its installation is between two kinds."""
    return change.type != "DELETED" and LOCK_LABEL in labels_of(change.object)


class Intruder:
    """Tries each edit on one installation after another until it gets a verdict on every edit.

    An edit names what it is for so that one that comes too late finds nothing to break.

    Args:
        client: whose rights know no limit: not rights shall stop it, but the lock.
        before: from before the migration.
        given_up: which calls of the webhook the API server has given up since it was last asked
            for them. It then lets a write pass, as ``failurePolicy: Ignore`` says; that is no
            verdict of the webhook's, so the edit is tried again on the next installation.

    Attributes:
        attempts: those with an end.
    """

    def __init__(
        self, client: Client, before: Look, given_up: Callable[[], str] = lambda: ""
    ) -> None:
        self._client = client
        self._before = before
        self._given_up = given_up
        self._caught: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._edits: dict[str, Callable[[str, str], Attempt | None]] = {
            "edit": self._edit,
            "mark": self._mark,
            "delete": self._delete,
        }
        self._thread = threading.Thread(target=self._work, name="intruder", daemon=True)
        self.attempts: list[Attempt] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._caught.put(None)
        if kind is None:
            self._thread.join()

    def notice(self, change: Change) -> None:
        """Look at a change of an InstallationMigration."""
        if in_flight(change):
            self._caught.put((namespace_of(change.object), name_of(change.object)))

    def _work(self) -> None:
        while self._edits and (caught := self._caught.get()):
            try:
                self._disturb(*caught)
            except requests.RequestException:
                return  # the demo ends in the middle of it

    def _disturb(self, namespace: str, name: str) -> None:
        if not self._until_frozen(namespace, name):
            return
        for kind, edit in tuple(self._edits.items()):
            self._given_up()  # what was given up before is no excuse
            attempt = edit(namespace, name)
            if attempt is None:
                continue
            if not attempt.refused:
                attempt = replace(attempt, excuse=self._given_up())
            self.attempts.append(attempt)
            if not attempt.excuse:
                del self._edits[kind]

    def _until_frozen(self, namespace: str, name: str) -> bool:
        """Wait until the lock is surely on, as the freeze shows; False when it is over already."""
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            found = self._client.find(CLUSTER_INSTALLATION, namespace, name)
            if found is None:
                return False
            if found["spec"].get("migrate"):
                return True
            time.sleep(_PAUSE)
        return False

    def _edit(self, namespace: str, name: str) -> Attempt | None:
        command = (
            f"kubectl patch clusterinstallation {name} -n {namespace}"
            ' --type merge -p \'{"spec": {"version": "10.5.3"}}\''
        )
        found = self._before.named(CLUSTER_INSTALLATION, (namespace, name))
        if found is None:
            return None
        patch = {"metadata": {"uid": uid_of(found)}, "spec": {"version": "10.5.3"}}
        return self._try(
            command, lambda: self._client.patch(CLUSTER_INSTALLATION, namespace, name, patch)
        )

    def _mark(self, namespace: str, name: str) -> Attempt | None:
        """What the way back needs is kept in annotations; those only the webhook looks into."""
        mark = f"{OWN_GROUP}/original-clusterinstallation"
        found = self._before.named(CLUSTER_INSTALLATION, (namespace, name))
        if found is None:
            return None
        patch = {"metadata": {"uid": uid_of(found), "annotations": {mark: "{}"}}}
        return self._try(
            f"kubectl annotate clusterinstallation {name} -n {namespace} {mark}='{{}}'",
            lambda: self._client.patch(CLUSTER_INSTALLATION, namespace, name, patch),
        )

    def _delete(self, namespace: str, name: str) -> Attempt | None:
        found = self._before.named(SERVICE, (namespace, name))
        if found is None:
            return None
        # The migration has not reached a Service that is as it was, so the lock must still be on.
        as_it_was = {key: found["metadata"][key] for key in ("uid", "resourceVersion")}
        options = {"preconditions": as_it_was}
        return self._try(
            f"kubectl delete service {name} -n {namespace}",
            lambda: self._client.request("DELETE", SERVICE.path(namespace, name), options),
        )

    def _try(self, command: str, edit: Callable[[], object]) -> Attempt | None:
        """Send it; None when it came too late to find what it is for."""
        attempt = attempt_at(command, edit)
        return None if attempt.status in _LOST_RACE else attempt
