"""A plan that was saved is done as it stands, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from helm_mattermost_migrate.appraisal import Appraisal, Verdict, appraise, pretended
from helm_mattermost_migrate.errors import CommandError, Exit
from helm_mattermost_migrate.fleet_request import Wishes, parse_wave
from helm_mattermost_migrate.labels import parse_selector
from helm_mattermost_migrate.plan_file import Plan, changed, plan_of, read_plan, written
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part, Refuse
from mattermost_migrate.testing.builders import cluster_installation, installed

WISHES = Wishes(max_concurrent="10%", more={"waves": [parse_wave("canary=1:10m:approve")]})


def look(**spec: Any) -> Snapshot:
    looked = installed(cluster_installation(**spec)).look("acme", Part.EXISTING)
    return replace(looked, migration=pretended(("ns", "acme")))


def plan(*found: Appraisal, selection: Selection | None = None) -> Plan:
    chosen = selection or Selection(everything=True)
    return plan_of(found, chosen, WISHES, cluster="one", made="2026-11-28T16:00:00+00:00")


@pytest.mark.parametrize(
    "selection",
    [
        Selection(everything=True),
        Selection(names=(("ns", "acme"),)),
        Selection(namespaces=("a", "b"), requirements=parse_selector("tier in (x,y),!old")),
        Selection(selector={"matchLabels": {"tier": "gold"}, "exclude": {"names": ["x"]}}),
    ],
)
def test_what_is_written_is_read(selection: Selection) -> None:
    made = plan(appraise(look()), selection=selection)

    assert read_plan(written(made), "p") == made


@pytest.mark.parametrize("field", ["made", "cluster", "selection", "spec", "installations", "hash"])
def test_an_edit_anywhere_is_noticed(field: str) -> None:
    body = json.loads(written(plan(appraise(look()))))
    value = body[field]
    body[field] = value[:-1] if isinstance(value, str | list) else {**value, "paused": True}

    with pytest.raises(CommandError, match="edited by hand") as refused:
        read_plan(json.dumps(body), "friday.plan")
    assert refused.value.code is Exit.REFUSED


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "kind: x", '{"hash": 1}'])
def test_what_is_no_plan_is_told(text: str) -> None:
    with pytest.raises(CommandError, match="no plan file") as refused:
        read_plan(text, "x")
    assert refused.value.code is Exit.USAGE


def test_one_of_another_format_is_told() -> None:
    with pytest.raises(CommandError, match=r"'else'.* is wanted"):
        read_plan('{"hash": "", "format": "else"}', "x")


def test_it_holds_no_secret() -> None:
    text = written(plan(appraise(look(mattermostEnv=[{"name": "PASS", "value": "hunter2"}]))))

    assert "hunter2" not in text


def test_the_same_world_fits() -> None:
    assert list(changed(plan(appraise(look())), [appraise(look())], cluster="one")) == []


def test_pods_and_status_may_move_meanwhile() -> None:
    before = look()
    assert before.deployment is not None
    scaled = {**before.deployment, "spec": {**before.deployment["spec"], "replicas": 5}}
    after = replace(before, deployment=scaled, pods=before.pods[:1])

    assert list(changed(plan(appraise(before)), [appraise(after)], cluster="one")) == []


def _source(seen: Snapshot, **fields: Any) -> Snapshot:
    assert seen.source is not None
    return replace(seen, source={**seen.source, **fields})


def _deployment(seen: Snapshot) -> Snapshot:
    assert seen.deployment is not None
    spec = seen.deployment["spec"]
    metadata = {**spec["template"]["metadata"], "annotations": {"restarted": "now"}}
    template = {**spec["template"], "metadata": metadata}
    return replace(seen, deployment={**seen.deployment, "spec": {**spec, "template": template}})


def _secret(seen: Snapshot) -> Snapshot:
    assert seen.existing is not None
    objects = dict(seen.existing.objects)
    objects["Secret", "db"] = {**objects["Secret", "db"], "data": {"DB_CONNECTION_STRING": "eA=="}}
    return replace(seen, existing=replace(seen.existing, objects=objects))


def test_what_moved_is_named() -> None:
    before = look()
    assert before.source is not None
    other = {**before.source["metadata"], "uid": "other"}
    edited = {**before.source["spec"], "replicas": 3}
    cases = [
        (_source(before, metadata=other), "ns/acme: it is another object of the same name"),
        (_source(before, spec=edited), "ns/acme: its spec was edited"),
        (_deployment(before), "ns/acme: the pod template of its Deployment changed"),
        (
            _secret(before),
            "ns/acme: a Secret or another object that the conversion reads changed",
        ),
    ]
    for after, said in cases:
        told = list(changed(plan(appraise(before)), [appraise(after)], cluster="one"))
        assert told == [said]


def test_who_came_and_who_went_is_named() -> None:
    found = appraise(look())
    other = replace(found, key=("ns", "other"))

    assert list(changed(plan(found), [other], cluster="one")) == [
        "ns/acme: it is gone",
        "ns/other: it was not there, or not selected",
    ]


def test_another_verdict_about_the_same_objects_is_named() -> None:
    found = appraise(look())
    refused = replace(
        found, verdict=Verdict.REFUSED, refusals=(Refuse("Rejected", "a policy forbids it"),)
    )

    assert list(changed(plan(found), [refused], cluster="one")) == [
        "ns/acme: it could be migrated, and now it is refused: Rejected: a policy forbids it"
    ]


def test_another_cluster_is_named_and_nothing_else() -> None:
    (said,) = changed(plan(appraise(look())), [], cluster="two")

    assert said == "it was made for another cluster: one, and this is two"
