"""The verbs of the API server, on plain JSON.

Everything above speaks of resources, namespaces and names; paths, media types, paging and the
meaning of status codes end here.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import orjson

from mattermost_migrate.domain.errors import (
    ExpiredError,
    MigrateError,
    NotFoundError,
    TransientError,
)
from mattermost_migrate.domain.names import MANAGED_BY, Resource
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of, typed
from mattermost_migrate.domain.writes import PatchType
from mattermost_migrate.kube.accounting import OnRequest
from mattermost_migrate.kube.connect import Connection
from mattermost_migrate.kube.status import error_of
from mattermost_migrate.kube.transport import Call, Patience, Transport

__all__ = ["Client", "Event", "EventType", "Listing", "PatchType", "Propagation"]

#: A patch: an object, or the operations of a JSON patch.
Patch: TypeAlias = Mapping[str, Any] | list[Any]
_JSON: Final = "application/json"
_DRY_RUN: Final = "All"
_PAGE: Final = 500


class Propagation(StrEnum):
    """What a deletion does to the objects that are owned by what is deleted."""

    ORPHAN = "Orphan"
    BACKGROUND = "Background"


class EventType(StrEnum):
    """What happened to an object, as a watch tells it."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch.

    Attributes:
        type: what happened; a BOOKMARK only says how far the watch has come.
        object: the object after it happened (the last state, when deleted); of a bookmark only
            ``metadata.resourceVersion`` means anything.
    """

    type: EventType
    object: JsonObject


@dataclass(frozen=True, slots=True)
class Listing:
    """A collection at one moment.

    Attributes:
        items: the objects, each with its ``apiVersion`` and ``kind``.
        resource_version: the moment; a watch from here misses nothing.
    """

    items: tuple[JsonObject, ...]
    resource_version: str


class Client:
    """Speaks to one API server. An async context manager; safe for any number of tasks.

    All methods raise the errors of ``domain.errors``: NotFoundError, StaleError (with
    AlreadyExistsError and ExpiredError), ForbiddenError, RejectedError, TransientError, and
    LeaseLostError where a fence is set. A dry run that is not refused returns an empty object.

    Args:
        connection: which server, and who we are.
        max_inflight: requests under way at the same time (watches have connections of their own).
        patience: how long a failing request is repeated where repeating is safe.
        on_request: told of every attempt, for counting.
        plain: for a few requests and no watch; starts in half the time.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        max_inflight: int = 64,
        patience: Patience | None = None,
        on_request: OnRequest | None = None,
        plain: bool = False,
    ) -> None:
        self.connection = connection
        self._transport = Transport(
            connection,
            max_inflight=max_inflight,
            patience=patience,
            on_request=on_request,
            plain=plain,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.close()

    def fenced(self, held: Callable[[], bool]) -> Self:
        """A client over the same connections that writes only while ``held()`` is true.

        Closing it closes nothing: the connections belong to the client it came from.
        """
        other = copy.copy(self)
        other._transport = self._transport.fenced(held)  # noqa: SLF001 - a copy of ourselves
        return other

    def apart(self, patience: Patience) -> Self:
        """A client over the same connections whose requests wait for none of the others.

        Args:
            patience: of these requests. One is under way at a time.
        """
        other = copy.copy(self)
        other._transport = self._transport.apart(patience)  # noqa: SLF001 - a copy of ourselves
        return other

    async def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """The object, read live; NotFoundError when the server answered 404."""
        return await self._object(self._call("get", "GET", resource, namespace, name))

    async def find(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """The object, read live, or None when the server answered 404."""
        try:
            return await self.get(resource, namespace, name)
        except NotFoundError:
            return None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        page: int = _PAGE,
    ) -> Listing:
        """All objects of a namespace, or of the cluster when ``namespace`` is None.

        Args:
            resource: which kind.
            namespace: where; None is everywhere.
            label_selector: as kubectl takes it.
            field_selector: as kubectl takes it.
            page: objects a request.
        """
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(page) if page else None,
        }
        try:
            return await self._whole(resource, namespace, query)
        except ExpiredError:
            # The server forgot the moment between two pages: once more, in one piece.
            return await self._whole(resource, namespace, {**query, "limit": None})

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        page: int = _PAGE,
    ) -> AsyncGenerator[Listing, None]:
        """The same as ``list``, but page by page; all are of one moment.

        Raises:
            ExpiredError: the server forgot the moment between two pages; begin anew.
        """
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(page),
        }
        return self._pages(resource, namespace, query)

    async def create(
        self,
        resource: Resource,
        obj: JsonObject,
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> JsonObject:
        """Create an object in the namespace that its metadata names; its kind may be left out.

        Args:
            resource: which kind.
            obj: the object.
            dry_run: let the server judge it, store nothing.
            strict: have a field that the server does not know refused, and not dropped in silence.

        Raises:
            AlreadyExistsError: something of that name is there. A dry run that answers this has
                passed validation and admission.
        """
        call = self._call(
            "create", "POST", resource, namespace_of(obj) or None, None, body=typed(resource, obj)
        )
        query = {"fieldValidation": "Strict"} if strict else {}
        named = dataclasses.replace(call, name=name_of(obj) or None, query=query)
        return await self._object(self._writing(named, dry_run))

    async def replace(
        self,
        resource: Resource,
        obj: JsonObject,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """PUT the whole object; StaleError when its ``resourceVersion`` is not the newest."""
        call = self._call(
            "update",
            "PUT",
            resource,
            namespace_of(obj) or None,
            name_of(obj),
            subresource=subresource,
            body=typed(resource, obj),
        )
        return await self._object(self._writing(call, dry_run))

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Patch,
        *,
        kind: PatchType = PatchType.MERGE,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Change a part of an object.

        What must not have moved is the caller's to say, in the body: ``metadata.uid`` and
        ``metadata.resourceVersion``, or a ``test`` of a JSON patch.

        Args:
            resource: which kind.
            namespace: where.
            name: which one.
            body: the patch.
            kind: how the body is meant.
            subresource: such as ``status``.
            dry_run: let the server judge it, store nothing.

        Raises:
            StaleError: what the body said must not have moved has moved.
        """
        call = self._call(
            "patch", "PATCH", resource, namespace, name, subresource=subresource, body=body
        )
        call = dataclasses.replace(call, content_type=str(kind))
        return await self._object(self._writing(call, dry_run))

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Delete an object, and only that one: StaleError when a precondition fails.

        Args:
            resource: which kind.
            namespace: where.
            name: which one.
            uid: the UID it must have.
            resource_version: the resourceVersion it must have.
            propagation: what becomes of the objects it owns; None is the kind's own default.
            dry_run: let the server judge it, delete nothing.

        Returns:
            The object where it stays for its finalizers, else a Status.
        """
        wanted = {"uid": uid, "resourceVersion": resource_version}
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
        if conditions := {key: value for key, value in wanted.items() if value}:
            options["preconditions"] = conditions
        if propagation is not None:
            options["propagationPolicy"] = str(propagation)
        if dry_run:
            options["dryRun"] = [_DRY_RUN]
        call = self._call("delete", "DELETE", resource, namespace, name, body=options)
        if dry_run:
            call = dataclasses.replace(call, query={"dryRun": _DRY_RUN})
        return await self._object(call)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
        field_selector: str | None = None,
        seconds: int = 300,
    ) -> AsyncGenerator[Event, None]:
        """What happens from a moment on, bookmarks included, until the server ends the stream.

        Args:
            resource: which kind.
            namespace: where; None is everywhere.
            resource_version: from where on.
            label_selector: as kubectl takes it.
            field_selector: as kubectl takes it.
            seconds: after which the server is to end the stream.

        Raises:
            ExpiredError: the server no longer knows that moment; list anew.
            TransientError: the connection was lost; watch again from the last event.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": str(seconds),
        }
        call = self._call("watch", "GET", resource, namespace, None, query=query)
        # Bookmarks come about once a minute, so a longer silence is a dead connection.
        async with self._transport.stream(call, silence=150.0) as lines:
            async for line in lines:
                yield _event(line, call)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Any = None,
        content_type: str = _JSON,
    ) -> Any:
        """Any other request, such as ``GET /version``; the decoded JSON of the answer."""
        verb = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch"}.get(
            method, method.lower()
        )
        return await self._transport.send(
            Call(
                verb,
                method,
                path,
                resource="raw",
                name=path,
                query=query or {},
                body=body,
                content_type=content_type,
            )
        )

    def _call(
        self,
        verb: str,
        method: str,
        resource: Resource,
        namespace: str | None,
        name: str | None,
        *,
        subresource: str | None = None,
        query: Mapping[str, str | None] | None = None,
        body: Any = None,
    ) -> Call:
        tail = f"/{subresource}" if subresource else ""
        return Call(
            verb,
            method,
            resource.path(namespace, name) + tail,
            resource=resource.plural + tail,
            namespace=namespace if resource.namespaced else None,
            name=name,
            query=query or {},
            body=body,
        )

    def _writing(self, call: Call, dry_run: bool) -> Call:  # noqa: FBT001
        query = {
            **call.query,
            "fieldManager": MANAGED_BY,
            "dryRun": _DRY_RUN if dry_run else None,
        }
        return dataclasses.replace(call, query=query)

    async def _object(self, call: Call) -> JsonObject:
        answer: JsonObject | None = await self._transport.send(call)
        return answer or {}

    async def _pages(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str | None]
    ) -> AsyncGenerator[Listing, None]:
        following: str | None = None
        while True:
            page = {**query, "continue": following}
            answer = await self._object(
                self._call("list", "GET", resource, namespace, None, query=page)
            )
            # Items of built-in kinds come without saying what they are.
            items = tuple(typed(resource, item) for item in answer.get("items") or ())
            metadata = answer.get("metadata") or {}
            following = metadata.get("continue") or None
            yield Listing(items, str(metadata.get("resourceVersion") or ""))
            if following is None:
                return

    async def _whole(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str | None]
    ) -> Listing:
        """All pages as one."""
        items: list[JsonObject] = []
        version = ""
        async with aclosing(self._pages(resource, namespace, query)) as pages:
            async for page in pages:
                items.extend(page.items)
                version = page.resource_version
        return Listing(tuple(items), version)


def _event(line: bytes, call: Call) -> Event:
    """One line of a watch; an ERROR line is raised as what it means."""
    try:
        document = orjson.loads(line)
        kind, obj = document["type"], document["object"]
    except (ValueError, KeyError, TypeError) as error:
        raise TransientError(f"{call}: the stream broke off within a line") from error
    if kind == "ERROR":
        raise _told(obj, call)
    return Event(EventType(kind), obj)


def _told(status: Mapping[str, Any], call: Call) -> MigrateError:
    return error_of(int(status.get("code") or 0), status, asked=str(call))
