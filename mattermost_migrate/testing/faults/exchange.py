"""One request as it passes: what is asked of which object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Exchange"]

_CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NAMED_BY_CHANCE: Final = frozenset({"pods", "replicasets"})
#: Leases say who leads and Events what happened: neither moves an installation.
_ASIDE: Final = frozenset({"leases", "events"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request.

    Attributes:
        method: the HTTP method.
        resource: plural with subresource; empty for what is no resource.
        namespace: empty for cluster-scoped ones.
        name: empty where the request names none.
        watches: it is a watch.
        rehearses: it is a dry run.
    """

    method: str
    resource: str
    namespace: str
    name: str
    watches: bool
    rehearses: bool

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, str]) -> Exchange:
        """Read a request's path; names of the API server's URLs stand in the order used here."""
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if rest[:1] == ["namespaces"] and len(rest) > 2:  # noqa: PLR2004 - namespaces/NAME/plural
            namespace, rest = rest[1], rest[2:]
        plural, name, below = [*rest, "", "", ""][:3]
        subresource = f"/{below}" if below else ""
        watches = query.get("watch") in {"true", "1"}
        return cls(
            method, plural + subresource, namespace, name, watches, bool(query.get("dryRun"))
        )

    @property
    def writes(self) -> bool:
        """Whether it changes something that counts."""
        plural = self.resource.partition("/")[0]
        return self.method in _CHANGES and not self.rehearses and plural not in _ASIDE

    @property
    def what(self) -> str:
        """In words, the same in every namespace: pods and ReplicaSets have names by chance."""
        plural = self.resource.partition("/")[0]
        name = "" if plural in _NAMED_BY_CHANCE else self.name
        return " ".join(each for each in (self.method, self.resource, name) if each)
