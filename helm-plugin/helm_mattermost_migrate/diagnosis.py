"""What ``doctor`` asks, and what the answers mean; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from helm_mattermost_migrate.errors import Exit, granting
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    FLEET_MIGRATION,
    INGRESS,
    INGRESS_CLASS,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    Resource,
)
from mattermost_migrate.inspection import KINDS, State, Verdict

__all__ = [
    "RUN_RIGHTS",
    "Answer",
    "Finding",
    "Right",
    "checked_rights",
    "exit_code",
    "judged",
    "placed",
    "uninspected",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one check.

    Attributes:
        check: what was asked.
        well: nothing has to be done about it.
        told: what was found.
        hint: the next command to run.
    """

    check: str
    well: bool
    told: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Right:
    """A right that a command needs of whoever runs it.

    Attributes:
        verb: in the API server's words.
        resource: on what.
        without: what does not work without it.
        optional: whether that is bearable.
        everywhere: it is used across namespaces, whichever are looked at.
    """

    verb: str
    resource: Resource
    without: str
    optional: bool = False
    everywhere: bool = False

    def place(self, namespace: str) -> str:
        """Where it is needed by who looks at this namespace; empty is everywhere."""
        return namespace if self.resource.namespaced and not self.everywhere else ""

    def described(self, place: str, *, several: bool) -> str:
        """The right in words; with the place it is asked for where that is not plain."""
        where = ""
        if self.resource.namespaced and not place:
            where = " in every namespace"
        elif place and several:
            where = f" in namespace {place}"
        return f"{self.verb} {self.resource.plural}{where}"


#: A right, and the namespace it is asked for; empty is everywhere.
Placed = tuple[Right, str]
#: The same, and whether we have it.
Answer = tuple[Placed, bool]
#: Without one of these no installation is inspected.
_INSPECTED: Final = frozenset({("get", SECRET), *(("list", resource) for resource in KINDS)})


#: What starting a fleet and following it takes, beside what ``plan`` does. A fleet's members are
#: found by label, in whichever namespaces they are.
RUN_RIGHTS: Final = (
    Right("create", FLEET_MIGRATION, "run and revert need it"),
    Right("list", FLEET_MIGRATION, "status leaves fleets out, and run and pause need it"),
    Right("watch", FLEET_MIGRATION, "following a run needs it"),
    Right("list", INSTALLATION_MIGRATION, "following a run needs it", everywhere=True),
    Right("watch", INSTALLATION_MIGRATION, "following a run needs it", everywhere=True),
)


def checked_rights() -> tuple[Right, ...]:
    """The rights of a person; those of the controller are its chart's business."""
    looking = (CLUSTER_INSTALLATION, MATTERMOST, INSTALLATION_MIGRATION)
    planning = (DEPLOYMENT, REPLICA_SET, POD)
    # What the conversion reads, and what stands under NAME-jobserver.
    read = (SECRET, DEPLOYMENT, SERVICE, INGRESS, INGRESS_CLASS, CLUSTER_INSTALLATION, MATTERMOST)
    return (
        *(Right("list", resource, "status needs it") for resource in looking),
        *(Right("list", resource, "plan and run need it") for resource in planning),
        *(Right("get", resource, "plan and run need it") for resource in read),
        Right("create", MATTERMOST, "plan cannot rehearse this write", optional=True),
        *RUN_RIGHTS,
        Right("get", FLEET_MIGRATION, "pause, resume and approve of a named one need it"),
        Right("patch", FLEET_MIGRATION, "pause, resume, approve and retry --fleet need it"),
        Right("patch", INSTALLATION_MIGRATION, "retry, revert, finalize and unpin need it"),
        *(Right("list", resource, "doctor inspects no installation") for resource in KINDS),
    )


def placed(rights: Iterable[Right], namespaces: Iterable[str]) -> tuple[Placed, ...]:
    """Where each right is needed, each once.

    Args:
        rights: to ask for.
        namespaces: those that are looked at; none is every one.
    """
    places = tuple(namespaces) or ("",)
    found: dict[tuple[str, Resource, str], Placed] = {}
    for right in rights:
        for place in map(right.place, places):
            found.setdefault((right.verb, right.resource, place), (right, place))
    return tuple(found.values())


def judged(answers: Iterable[Answer], *, user: str) -> Iterator[Finding]:
    """What the API server said to each right; one command gives all that lack of one verb.

    Args:
        answers: each right, and whether we have it.
        user: who we are.
    """
    answers = tuple(answers)
    several = len({place for (_, place), _ in answers if place}) > 1
    lacking: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (right, place), well in answers:
        if not well:
            what = (right.resource.plural, right.resource.group)
            lacking[right.verb, place].append(".".join(filter(None, what)))
    for (right, place), well in answers:
        hint = ""
        if not well:
            what_lacks = ",".join(lacking[right.verb, place])
            hint = granting(right.verb, what_lacks, user=user, namespace=place)
        yield Finding(
            right.described(place, several=several),
            well=well or right.optional,
            told="allowed" if well else f"not allowed; {right.without}",
            hint=hint,
        )


def uninspected(answers: Iterable[Answer]) -> Finding | None:
    """What to say where we may not see all that an inspection looks at; None where we may."""
    lacking = [
        f"{right.verb} {right.resource.plural}"
        for (right, _), well in answers
        if not well and (right.verb, right.resource) in _INSPECTED
    ]
    if not lacking:
        return None
    told = f"not inspected: you may not {', '.join(dict.fromkeys(lacking))}"
    return Finding("installations", well=False, told=told)


def exit_code(findings: Iterable[Finding], verdicts: Iterable[Verdict] = ()) -> Exit:
    """1 when an installation is broken; else 3 when something is missing."""
    if any(verdict.state is State.BROKEN for verdict in verdicts):
        return Exit.FAILED
    return Exit.DONE if all(finding.well for finding in findings) else Exit.REFUSED
