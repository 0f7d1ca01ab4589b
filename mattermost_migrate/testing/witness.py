"""An outside observer of a cluster: keeps all that happened to objects, in the order it happened.

It reads the API only, by a client of its own, and shares no code with what it observes. Each kind
is watched by itself and the streams race each other, so nothing is judged while it arrives: the
cluster keeps all kinds in one etcd, whose revision is every object's ``resourceVersion``, and by
that the journal is put in order before ``chronicle`` reads it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import requests

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    FLEET_MIGRATION,
    INGRESS,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    NAMESPACE,
    POD,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, namespace_of, uid_of
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["WATCHED", "Entry", "Witness"]

WATCHED: Final = (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    INSTALLATION_MIGRATION,
    FLEET_MIGRATION,
    DEPLOYMENT,
    REPLICA_SET,
    POD,
    SERVICE,
    ENDPOINT_SLICE,
    INGRESS,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    SECRET,
    MYSQL_CLUSTER,
    MINIO_INSTANCE,
    EVENT,
)
_log: Final = logging.getLogger(__name__)
_PATIENCE: Final = 60.0
_RETRY_SECONDS: Final = 0.2
#: A watch from a version that the API server does not know any more is ended as soon as it stands.
_ENDED_SECONDS: Final = 0.5
#: Kubernetes' own controllers answer each other within less, also where others keep the cores busy.
_QUIET_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        version: the revision of the cluster's store at which it did.
        resource: the kind of the object.
        obj: the object after it, or as it last was when it is gone.
        gone: it was deleted.
        listed_after: where it is known from a list only, because a watch was lost: the revision to
            which that had come. What happened in between is not known, nor when.
        heard: when we heard of it, by this machine's monotonic clock.
    """

    version: int
    resource: Resource
    obj: JsonObject
    gone: bool = False
    listed_after: int | None = None
    heard: float = field(default_factory=time.monotonic, compare=False)

    def of(self, resource: Resource, name: str | None = None) -> bool:
        """Whether it happened to an object of that kind, and of that name if one is given."""
        return self.resource == resource and name in (None, self.obj["metadata"]["name"])


class Witness:
    """Watches until left; a context manager. Its client is its own and is closed with it."""

    def __init__(self, client: Client, resources: Sequence[Resource] = WATCHED) -> None:
        self._client = client
        self._resources = tuple(resources)
        self._journal: list[Entry] = []
        #: The same by namespace, and the last version of what is there: asked for again and again.
        self._places: dict[str, list[Entry]] = defaultdict(list)
        self._there: dict[tuple[Resource, str], dict[str, Entry]] = defaultdict(dict)
        #: Since when the watch of a kind misses nothing, what it has come to, what it had come to
        #: when it was lost, and which are to list anew.
        self._standing: dict[Resource, float] = {}
        self._versions: dict[Resource, str] = {}
        self._lost: dict[Resource, int] = {}
        self._anew: set[Resource] = set()
        self._news = threading.Condition()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        for resource in self._resources:
            items, version = self._list(resource, None)
            for obj in items:
                self._note(Entry(_version(obj), resource, obj))
            self._versions[resource] = version
            # A daemon: it waits for the next event when everything else is over.
            threading.Thread(
                target=self._watch,
                args=(resource,),
                name=f"witness-{resource}",
                daemon=True,
            ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._client.close()

    def now(self) -> int:
        """The revision the store has come to."""
        return int(self._list(NAMESPACE, None)[1])

    def until(
        self, holds: Callable[[Entry], object], *, since: int, seconds: float = _PATIENCE
    ) -> Entry:
        """Wait for the first thing after ``since`` of which ``holds`` is true.

        Raises:
            TimeoutError: none came.
        """
        read = 0

        def found() -> Entry | None:
            nonlocal read
            fresh, read = self._journal[read:], len(self._journal)
            return next((each for each in fresh if each.version > since and holds(each)), None)

        with self._news:
            entry = self._news.wait_for(found, seconds)
        if entry is None:
            raise TimeoutError(f"nothing of that kind happened in {seconds} s")
        return entry

    def until_quiet(self, seconds: float = _QUIET_SECONDS) -> None:
        """Wait until nothing has happened for so long; what is only told of (Events) aside.

        Raises:
            TimeoutError: there is no end to it.
        """
        deadline = time.monotonic() + _PATIENCE

        def last() -> float:
            happened = (each for each in reversed(self._journal) if each.resource != EVENT)
            return next((each.heard for each in happened), 0.0)

        with self._news:
            while (left := last() + seconds - time.monotonic()) > 0:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"something happens all the time, for {_PATIENCE} s")
                self._news.wait(left)

    def begin_anew(self) -> None:
        """The API server is gone: what its next one has is to be listed, and nothing gone on from.

        For whoever has stopped it when nothing happened: of what happens in between the last is
        noted only.
        """
        with self._news:
            self._anew.update(self._resources)

    def until_watching(self) -> None:
        """Wait until the watch of every kind stands, anew if it was to begin anew.

        Raises:
            TimeoutError: not all of them do.
        """
        with self._news:
            if not self._news.wait_for(
                lambda: not self._anew and self._standing.keys() >= set(self._resources), _PATIENCE
            ):
                raise TimeoutError(f"not all watches stand within {_PATIENCE} s")

    def forget(self, until: int) -> None:
        """Keep of all up to a revision only what was there then.

        For whoever judges nothing that was earlier, and waits for nothing meanwhile: what happens
        to dozens of installations for hours fills gigabytes.
        """
        with self._news:
            for entries in self._places.values():
                there: dict[str, Entry] = {}
                later = []
                for entry in entries:  # those of one object are in order
                    if entry.version > until:
                        later.append(entry)
                    elif entry.gone:
                        there.pop(uid_of(entry.obj), None)
                    else:
                        there[uid_of(entry.obj)] = entry
                entries[:] = [*there.values(), *later]
            self._journal = [entry for entries in self._places.values() for entry in entries]

    def journal(self, namespace: str | None = None) -> tuple[Entry, ...]:
        """All that happened up to now, in order: in one namespace, or everywhere.

        Raises:
            TimeoutError: the watches do not catch up with what the API server lists.
        """
        for resource in self._resources:
            if namespace is None or resource.namespaced:
                self._catch_up(resource, namespace)
        with self._news:
            seen = tuple(self._journal if namespace is None else self._places[namespace])
        return tuple(sorted(seen, key=lambda each: each.version))

    def _catch_up(self, resource: Resource, namespace: str | None) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            listed = {uid_of(obj): _version(obj) for obj in self._list(resource, namespace)[0]}
            with self._news:
                if self._news.wait_for(partial(self._knows, resource, namespace, listed), 0.5):
                    return
        raise TimeoutError(f"the watch of {resource} does not catch up")

    def _knows(self, resource: Resource, namespace: str | None, listed: Mapping[str, int]) -> bool:
        stands = self._standing.get(resource, math.inf) <= time.monotonic()
        return stands and self._known(resource, namespace) == listed

    def _known(self, resource: Resource, namespace: str | None) -> dict[str, int]:
        """The last version of each object that is there, by UID."""
        return {
            uid: each.version
            for (kind, place), objects in self._there.items()
            if kind == resource and namespace in (None, place)
            for uid, each in objects.items()
        }

    def _watch(self, resource: Resource) -> None:
        while not self._over.is_set():
            try:
                self._follow(resource)
            except (requests.RequestException, OSError):
                self._over.wait(_RETRY_SECONDS)  # the API server is away, or slow to answer
            except ApiError as problem:
                # Of what is listed anew, all but the last that happened is lost.
                if problem.status == requests.codes.gone:
                    _log.warning("The watch of %s is history: %s", resource, problem)
                    self._lose(resource)
                self._over.wait(_RETRY_SECONDS)
            finally:
                self._standing.pop(resource, None)

    def _follow(self, resource: Resource) -> None:
        """Note what happens after the version it has come to, or from what is there now."""
        with self._news:
            if resource in self._anew:
                self._lose(resource)
        since = self._versions.get(resource)
        there: dict[str, JsonObject] | None = {}
        if since:
            there = None
            self._stand(resource, after=_ENDED_SECONDS)
        for kind, obj in self._client.watch(resource, since=since, marked=there is not None):
            version = str(obj["metadata"]["resourceVersion"])
            if there is None:
                if kind != "BOOKMARK":
                    self._note(Entry(int(version), resource, obj, gone=kind == "DELETED"))
            elif kind == "BOOKMARK":
                self._compare(resource, there, int(version))
                there = None
                self._stand(resource)
            elif kind == "DELETED":
                there.pop(uid_of(obj), None)
            else:
                there[uid_of(obj)] = obj
            if there is None:
                self._versions[resource] = version

    def _lose(self, resource: Resource) -> None:
        """Go on from a list."""
        if version := self._versions.pop(resource, None):
            self._lost[resource] = int(version)

    def _stand(self, resource: Resource, *, after: float = 0.0) -> None:
        with self._news:
            self._standing[resource] = time.monotonic() + after
            if not after:
                self._anew.discard(resource)
            self._news.notify_all()

    def _compare(self, resource: Resource, there: Mapping[str, JsonObject], version: int) -> None:
        """A server that has started anew knows nothing of before: note what is another now."""
        after = self._lost[resource]
        with self._news:  # the threads of other kinds note theirs meanwhile
            known = self._known(resource, None)
            for uid, obj in there.items():
                if known.get(uid) != _version(obj):
                    self._note(Entry(_version(obj), resource, obj, listed_after=after))
            for uid in known.keys() - there.keys():
                last = next(
                    objects[uid]
                    for (kind, _), objects in self._there.items()
                    if kind == resource and uid in objects
                )
                self._note(Entry(version, resource, last.obj, gone=True, listed_after=after))

    def _note(self, entry: Entry) -> None:
        place = namespace_of(entry.obj)
        with self._news:
            self._journal.append(entry)
            self._places[place].append(entry)
            if entry.gone:
                self._there[entry.resource, place].pop(uid_of(entry.obj), None)
            else:
                self._there[entry.resource, place][uid_of(entry.obj)] = entry
            self._news.notify_all()

    def _list(self, resource: Resource, namespace: str | None) -> tuple[list[dict[str, Any]], str]:
        answer = self._client.request("GET", resource.path(namespace))
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        items = [{**kind, **each} for each in answer.get("items") or ()]
        return items, str(answer["metadata"]["resourceVersion"])


def _version(obj: JsonObject) -> int:
    return int(obj["metadata"]["resourceVersion"])
