"""A small synchronous client for tests and for the local cluster's own needs.

It shares no code with the client under test (``mattermost_migrate.kube``): what one of them gets
wrong, the other does not hide.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, local
from typing import Any, Final, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["APPLY", "JSON_PATCH", "MERGE", "STRATEGIC", "ApiError", "Client", "Credentials"]

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY: Final = "application/apply-patch+yaml"

_PATIENCE: Final = 60
_STREAMED: Final = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}
#: Who we are in the audit log and in managedFields.
_AGENT: Final = "mattermost-migrate-testing"
#: Of a warning header, the text; a server puts several into one.
_WARNING: Final = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')


#: An API server that starts, or fills its watch cache after a CRD, asks to be asked again. Nothing
#: was done then, so any method may be sent again; no other answer is, lest a test see too little.
_BUSY: Final = Retry(
    total=60,
    connect=0,
    read=False,  # raised as it is
    redirect=0,
    other=0,
    allowed_methods=None,
    raise_on_status=False,
)


class ApiError(Exception):
    """The API server refused.

    Attributes:
        status: the HTTP status code.
        reason: the machine's word for it, such as ``NotFound`` or ``Conflict``.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach an API server, whom to trust, and who we are.

    Attributes:
        server: its URL.
        authority: the file with the certificates it must be signed by; None: the system's.
        certificate: our certificate and key, as files.
        token: or our bearer token.
    """

    server: str
    authority: Path | None
    certificate: tuple[Path, Path] | None = None
    token: str | None = None


class Client:
    """Reads and writes objects as plain JSON; may be used from several threads."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._local = local()
        self._opened: list[requests.Session] = []
        self._lock = Lock()
        self._plurals: dict[tuple[str, str], Resource] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of every thread."""
        with self._lock:
            while self._opened:
                self._opened.pop().close()
            self._local = local()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send one request and return the JSON it answers.

        Raises:
            ApiError: any answer but success.
            requests.RequestException: no answer at all.
        """
        with self._send(method, path, body, params=params, content_type=content_type) as answer:
            return dict(answer.json())

    def warnings(
        self, method: str, path: str, body: object, *, content_type: str = "application/json"
    ) -> tuple[str, ...]:
        """Send one request and return what its answer warns of.

        Raises:
            ApiError: any answer but success.
        """
        with self._send(method, path, body, content_type=content_type) as answer:
            header = answer.headers.get("Warning", "").encode("latin-1").decode()
            return tuple(_WARNING.findall(header))

    def text(self, path: str) -> str:
        """What a plain-text endpoint such as ``/readyz`` answers."""
        with self._send("GET", path) as answer:
            return answer.text

    def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
        """Read one object; ApiError with status 404 when there is none."""
        return self.request("GET", resource.path(namespace, name))

    def find(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Read one object, or None when there is none."""
        try:
            return self.get(resource, namespace, name)
        except ApiError as problem:
            if problem.status != requests.codes.not_found:
                raise
            return None

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        at: int | None = None,
    ) -> list[dict[str, Any]]:
        """Read all objects of a kind, of one namespace or of all, that carry these labels.

        With ``at``, as they were at that revision of the cluster's store; ApiError with status 410
        when that is too long ago.
        """
        params = (
            {"labelSelector": ",".join(f"{k}={v}" for k, v in labels.items())} if labels else {}
        )
        if at is not None:
            params |= {"resourceVersion": str(at), "resourceVersionMatch": "Exact"}
        items = self.request("GET", resource.path(namespace), params=params).get("items") or []
        # The items of a list do not repeat what the list says once.
        return [
            {"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items
        ]

    def create(
        self, resource: Resource, namespace: str | None, body: JsonObject, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create an object and return it as stored."""
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        params = {"dryRun": "All"} if dry_run else None
        return self.request("POST", resource.path(namespace), whole, params=params)

    def replace(self, resource: Resource, body: JsonObject) -> dict[str, Any]:
        """Write a whole object over the stored one."""
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        return self.request("PUT", path, body)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: object,
        *,
        content_type: str = MERGE,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Patch an object, or one of its subresources, and return it."""
        path = resource.path(namespace, name) + (f"/{subresource}" if subresource else "")
        return self.request("PATCH", path, patch, content_type=content_type)

    def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        propagation: str = "Background",
    ) -> dict[str, Any]:
        """Delete an object; returns it, or the server's word that it is gone."""
        options = {"propagationPolicy": propagation}
        return self.request("DELETE", resource.path(namespace, name), options)

    def apply(self, manifest: JsonObject, *, namespace: str | None = None) -> dict[str, Any]:
        """Server-side apply one manifest, whatever its kind, taking over every conflict."""
        resource = self.resource(manifest["apiVersion"], manifest["kind"])
        where = manifest["metadata"].get("namespace") or namespace
        path = resource.path(where, manifest["metadata"]["name"])
        params = {"fieldManager": _AGENT, "force": "true"}
        return self.request("PATCH", path, manifest, params=params, content_type=APPLY)

    def resource(self, api_version: str, kind: str) -> Resource:
        """Ask the API server where objects of a kind live.

        Raises:
            LookupError: it serves no such kind.
        """
        if (api_version, kind) not in self._plurals:
            group, _, version = api_version.rpartition("/")
            root = f"/apis/{api_version}" if group else f"/api/{version}"
            for served in self.request("GET", root)["resources"]:
                if "/" not in served["name"]:
                    self._plurals[api_version, served["kind"]] = Resource(
                        group, version, served["kind"], served["name"], served["namespaced"]
                    )
        try:
            return self._plurals[api_version, kind]
        except KeyError:
            raise LookupError(f"the API server has no {kind} in {api_version}") from None

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        name: str | None = None,
        since: str | None = None,
        seconds: float = _PATIENCE,
        marked: bool = False,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each change since a resourceVersion, that long, a minute at most: (type, object) pairs.

        Without ``since``, first what is there, as ``ADDED``; ``marked`` has a ``BOOKMARK`` tell
        where that ends (https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists).
        """
        params = {"watch": "true", "timeoutSeconds": str(_asked(seconds)), **_named(name)}
        if since:
            params["resourceVersion"] = since
        if marked:
            params |= _STREAMED
        with self._send("GET", resource.path(namespace), params=params, stream=True) as answer:
            for line in answer.iter_lines(chunk_size=None):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    problem = event["object"]
                    raise ApiError(problem["code"], problem["reason"], problem["message"])
                yield event["type"], event["object"]

    def until(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        holds: Callable[[dict[str, Any]], object],
        *,
        seconds: float = _PATIENCE,
    ) -> dict[str, Any]:
        """Wait until an object exists and ``holds`` is true of it; return it then.

        Raises:
            TimeoutError: it did not come true; the message shows the object as last seen, its
                status first.
        """
        deadline = time.monotonic() + seconds
        seen: dict[str, Any] = {}
        while (left := deadline - time.monotonic()) > 0:
            try:
                for kind, obj in self.watch(resource, namespace, name=name, seconds=left):
                    seen = {} if kind == "DELETED" else obj
                    if seen and holds(seen):
                        return seen
            except ApiError as problem:
                # A busy server's watch cache lags behind; it waited for it some seconds in vain.
                if problem.status != requests.codes.gateway_timeout:
                    raise
        raise TimeoutError(f"{resource} {namespace}/{name} after {seconds} s: {_brief(seen)}")

    def until_gone(
        self, resource: Resource, namespace: str | None, name: str, *, seconds: float = _PATIENCE
    ) -> None:
        """Wait until an object is deleted; TimeoutError if it stays."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            # A watch of an object that has just gone would show nothing: so read, then watch on.
            seen = self.request("GET", resource.path(namespace), params=_named(name))
            if not seen.get("items"):
                return
            since = seen["metadata"]["resourceVersion"]
            for kind, _ in self.watch(resource, namespace, name=name, since=since, seconds=left):
                if kind == "DELETED":
                    return
        raise TimeoutError(f"{resource} {namespace}/{name} is still there after {seconds} s")

    @contextmanager
    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        stream: bool = False,
    ) -> Iterator[requests.Response]:
        ask = partial(
            self._session().request,
            method,
            self.credentials.server + path,
            params=params,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type},
            timeout=(5, _PATIENCE + 10),
            stream=stream,
        )
        try:
            answer = ask()
        except requests.ConnectionError:
            if method != "GET":
                raise
            answer = ask()  # the server may have closed an idle connection at that very moment
        with answer:
            if not answer.ok:
                raise _refusal(answer)
            yield answer

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _open(self.credentials)
            with self._lock:
                self._opened.append(session)
        return session


def _asked(seconds: float) -> int:
    """How long a watch is asked for: shorter than a silence on its connection may last."""
    return max(1, min(_PATIENCE, round(seconds)))


def _brief(obj: dict[str, Any]) -> str:
    """An object for a message that may be cut: first what tells why nothing came of it."""
    metadata = obj.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return json.dumps({"status": obj.get("status"), "metadata": kept, "spec": obj.get("spec")})


def _named(name: str | None) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"} if name else {}


def _open(credentials: Credentials) -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = _AGENT
    session.trust_env = False  # no proxy and no .netrc between us and the cluster
    session.mount("https://", HTTPAdapter(max_retries=_BUSY))
    if credentials.authority:
        session.verify = str(credentials.authority)
    if credentials.certificate:
        certificate, key = credentials.certificate
        session.cert = (str(certificate), str(key))
    if credentials.token:
        session.headers["Authorization"] = f"Bearer {credentials.token}"
    return session


def _refusal(answer: requests.Response) -> ApiError:
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        told = {}
    reason = told.get("reason") or answer.reason
    return ApiError(answer.status_code, reason, told.get("message") or answer.text)
