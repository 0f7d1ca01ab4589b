"""A plan that was saved: what was agreed to, what the world looked like, and a hash over it all.

``run --plan`` does what the file says and nothing else. It looks at the world again first, and
refuses, naming each thing, when the file was edited or what it rests on has changed. The file holds
digests of the objects, never the objects: a ClusterInstallation may hold a password. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from helm_mattermost_migrate.appraisal import Appraisal, Verdict
from helm_mattermost_migrate.documented import program_name
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.selection import Key, Selection

__all__ = ["Plan", "changed", "plan_of", "read_plan", "written"]

_FORMAT: Final = "mattermost-migrate/plan/v1"
#: What a plan rests on, in the words of the one who is told that it changed.
_FACTS: Final = {
    "uid": "it is another object of the same name",
    "spec": "its spec was edited",
    "deployment": "its Deployment is another object",
    "template": "the pod template of its Deployment changed",
    "secrets": "a Secret or another object that the conversion reads changed",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed to.

    Attributes:
        cluster: what tells the cluster apart.
        made: when, as RFC 3339.
        selection: which installations were asked for.
        wishes: how the run shall go.
        installations: what each rested on, and the verdict, by namespace and name.
    """

    cluster: str
    made: str
    selection: Selection
    wishes: Wishes
    installations: Mapping[Key, Mapping[str, str]]


def plan_of(
    appraisals: Iterable[Appraisal],
    selection: Selection,
    wishes: Wishes,
    *,
    cluster: str,
    made: str,
) -> Plan:
    """The plan of what was just appraised."""
    installations = {each.key: {"verdict": each.verdict.name, **each.facts} for each in appraisals}
    return Plan(cluster, made, selection, wishes, installations)


def written(plan: Plan) -> str:
    """The content of the file."""
    body: dict[str, Any] = {
        "format": _FORMAT,
        "made": plan.made,
        "cluster": plan.cluster,
        "selection": plan.selection.recorded(),
        "spec": plan.wishes.spec(),
        "installations": [
            {"namespace": key[0], "name": key[1], **facts}
            for key, facts in plan.installations.items()
        ],
    }
    return json.dumps({**body, "hash": _hash(body)}, indent=2) + "\n"


def read_plan(text: str, source: str) -> Plan:
    """The plan that a file holds.

    Args:
        text: the content of the file.
        source: its name.

    Raises:
        CommandError: it is no plan, or it was edited.
    """
    again = f"make it anew: {program_name()} plan --save FILE"
    try:
        body = json.loads(text)
        stated = body.pop("hash")
        made_by = body["format"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise CommandError(f"{source}: it is no plan file", hint=again, code=Exit.USAGE) from error
    if made_by != _FORMAT:
        raise CommandError(
            f"{source}: its format is {made_by!r}, and {_FORMAT!r} is wanted",
            hint=again,
            code=Exit.USAGE,
        )
    if stated != _hash(body):
        raise CommandError(
            f"{source}: it was edited by hand, or is damaged: its hash does not fit its content",
            hint=f"say what you want by flags, and {again}",
        )
    facts = {
        (each.pop("namespace"), each.pop("name")): dict(each) for each in body["installations"]
    }
    return Plan(
        body["cluster"],
        body["made"],
        Selection.of_record(body["selection"]),
        Wishes.of(body["spec"]),
        facts,
    )


def changed(plan: Plan, appraisals: Iterable[Appraisal], *, cluster: str) -> Iterator[str]:
    """What is no longer as it was when the plan was made, one sentence each."""
    if plan.cluster != cluster:
        yield f"it was made for another cluster: {plan.cluster}, and this is {cluster}"
        return
    now = {each.key: each for each in appraisals}
    for key in sorted(plan.installations.keys() | now.keys()):
        path = "/".join(key)
        if key not in now:
            yield f"{path}: it is gone"
        elif key not in plan.installations:
            yield f"{path}: it was not there, or not selected"
        else:
            yield from (f"{path}: {told}" for told in _moved(plan.installations[key], now[key]))


def _moved(before: Mapping[str, str], now: Appraisal) -> Iterator[str]:
    facts = [told for fact, told in _FACTS.items() if before.get(fact) != now.facts.get(fact)]
    yield from facts
    verdict = before["verdict"]
    if not facts and verdict != now.verdict.name:
        said = f": {now.refusals[0].reason}: {now.refusals[0].message}" if now.refusals else ""
        yield f"it {_was(verdict)}, and now it is {now.verdict}{said}"


def _was(verdict: str) -> str:
    return f"was {Verdict[verdict]}".replace("was can", "could")


def _hash(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
