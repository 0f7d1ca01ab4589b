"""Every recorded case of the Go operator: defaults, children, order of writes, status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from mattermost_migrate.domain import health
from mattermost_migrate.domain.canonical import mattermost_spec
from mattermost_migrate.domain.children import (
    Rendered,
    render_cluster_installation,
    render_mattermost,
)
from mattermost_migrate.domain.children.update_job import Step, check, is_spent
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.merging import merged
from mattermost_migrate.domain.objects import Existing, JsonObject
from mattermost_migrate.domain.update import Create, Keep, Recreate, Update, decide
from mattermost_migrate.testing.golden import (
    Case,
    cases,
    entries,
    identified,
    key_of,
    objects_of,
    placeholder,
    recorded,
)

#: Errors that the operator raises while it sets defaults.
REFUSED = re.compile("host required|hosts is required|unsupported volume source")
JOB_SERVER = re.compile("-jobserver$")
JOB = "Job/mattermost-update-check"
#: The operator sends a LoadBalancer with ``clusterIP: None``, which no API server takes.
TYPE_CHANGES = {"update-headless-to-lb"}


def having(*keys: str) -> list[Any]:
    """The cases whose input or output has all of these keys."""
    return [
        pytest.param(case, id=case.name)
        for case in cases()
        if all(key in case.output or key in case.input for key in keys)
    ]


def mattermost_of(case: Case) -> JsonObject:
    return identified(case.output.get("mattermost") or case.input["mattermost"])


def before_v1beta1(case: Case) -> list[JsonObject]:
    """What the v1beta1 controller finds: after a migration, the ClusterInstallation's children."""
    left = case.output.get("childrenV1alpha1", [])
    if "thenClusterInstallation" in case.input:
        left = case.output["afterUpdate"]["children"]
    found = {key_of(obj): obj for obj in [*case.world, *objects_of(left)]}
    if deployment := case.output.get("recreatedDeployment"):
        found.update({key_of(obj): obj for obj in objects_of([deployment])})
    return list(found.values())


def render_ci(ci: JsonObject, world: Iterable[JsonObject]) -> Rendered:
    return render_cluster_installation(ci, Existing.of(world), generate=placeholder)


def render_mm(mm: JsonObject, world: Iterable[JsonObject]) -> Rendered:
    return render_mattermost(mm, Existing.of(world), generate=placeholder)


def settle(
    owner: JsonObject, rendered: Rendered, world: Iterable[JsonObject]
) -> tuple[list[str], dict[str, JsonObject]]:
    """Write what must be written, and name each write as the recording does."""
    after = {key_of(obj): obj for obj in world}
    writes: list[str] = []
    for child in rendered.children:
        key = key_of(child)
        live = after.get(key)
        if live is not None and child["kind"] == "Deployment" and not JOB_SERVER.search(key):
            verdict = check(owner, live, child, job=after.get(JOB))
            if verdict.step is Step.START:
                assert verdict.job is not None
                writes.append(f"create {JOB}")
                after[JOB] = verdict.job
                continue
            assert verdict.step is Step.PROCEED
        match decide(live, child):
            case Keep():
                pass
            case Create(obj):
                writes.append(f"create {key}")
                after[key] = obj
            case Update(obj):
                writes.append(f"update {key}")
                after[key] = obj
            case Recreate(obj):
                writes += [f"delete {key}", f"create {key}"]
                after[key] = obj
        if child["kind"] == "Deployment" and is_spent(owner, after.get(JOB)):
            writes.append(f"delete(Background) {JOB}")
            del after[JOB]
    return writes, after


def assert_children(
    after: Mapping[str, JsonObject],
    expected: Sequence[Mapping[str, Any]],
    *,
    foreign: Iterable[JsonObject],
) -> None:
    """Equal to the recording, except that what others had made keeps what they put there."""
    wanted = recorded(expected)
    found = entries(after.values())
    before = {key_of(obj): obj for obj in foreign}
    for key, obj in before.items():
        if key in wanted:
            kept = merged({}, obj, wanted[key]["object"])
            wanted[key] = {**wanted[key], "object": kept}
    assert {key: found.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("case", having("defaulted"))
def test_a_cluster_installation_is_stored_with_the_operators_defaults(case: Case) -> None:
    ci = case.resource("clusterInstallation")
    assert default_cluster_installation(ci)["spec"] == case.output["defaulted"]


@pytest.mark.parametrize("case", having("childrenV1alpha1"))
def test_a_cluster_installation_renders_the_operators_children(case: Case) -> None:
    ci = case.resource("clusterInstallation")
    rendered = render_ci(ci, case.world)
    writes, after = settle(ci, rendered, case.world)

    assert rendered.error == case.error("v1alpha1")
    assert_children(after, case.output["childrenV1alpha1"], foreign=case.world)
    assert writes == case.output["writesV1alpha1"]


@pytest.mark.parametrize("case", having("mattermostDefaulted"))
def test_a_mattermost_is_stored_with_the_operators_defaults(case: Case) -> None:
    mm = mattermost_of(case)
    if REFUSED.search(case.error("v1beta1") or ""):
        with pytest.raises(RefusedError) as refused:
            default_mattermost(mm)
        assert refused.value.faults[0].message == case.error("v1beta1")
        assert mattermost_spec(mm["spec"]) == case.output["mattermostDefaulted"]
    else:
        assert default_mattermost(mm)["spec"] == case.output["mattermostDefaulted"]


@pytest.mark.parametrize("case", having("childrenV1beta1"))
def test_a_mattermost_renders_the_operators_children(case: Case) -> None:
    mm = mattermost_of(case)
    world = before_v1beta1(case)
    rendered = render_mm(mm, world)
    writes, after = settle(mm, rendered, world)

    assert rendered.error == case.error("v1beta1")
    left = recorded(case.output.get("childrenV1alpha1", []))
    foreign = [obj for obj in world if key_of(obj) not in left]
    assert_children(after, case.output["childrenV1beta1"], foreign=foreign)
    assert writes == case.output["writesV1beta1"]


@pytest.mark.parametrize("case", having("childrenV1beta1"))
def test_a_mattermost_reports_the_operators_status(case: Case) -> None:
    mm = mattermost_of(case)
    rendered = render_mm(mm, before_v1beta1(case))
    patches = {key: status.to_json() for key, status in rendered.patch_status.items()}
    if rendered.error:
        status: Mapping[str, Any] = health.failed_mattermost(mm, rendered.error, patches=patches)
    else:
        seen = health.Seen({child["metadata"]["name"]: child for child in rendered.children})
        status = health.mattermost_health(mm, seen, patches=patches).status
    assert status == case.output["mattermostStatus"]


@pytest.mark.parametrize("case", having("rewritesV1alpha1"))
def test_a_second_round_over_a_cluster_installation_writes_nothing(case: Case) -> None:
    ci = case.resource("clusterInstallation")
    _, after = settle(ci, render_ci(ci, case.world), case.world)
    stored = default_cluster_installation(ci)
    writes, _ = settle(stored, render_ci(stored, after.values()), after.values())
    assert writes == case.output["rewritesV1alpha1"]


@pytest.mark.parametrize("case", having("rewritesV1beta1"))
def test_a_second_round_over_a_mattermost_writes_nothing(case: Case) -> None:
    mm = mattermost_of(case)
    world = before_v1beta1(case)
    _, after = settle(mm, render_mm(mm, world), world)
    stored = default_mattermost(mm)
    writes, _ = settle(stored, render_mm(stored, after.values()), after.values())
    assert writes == case.output["rewritesV1beta1"]


@pytest.mark.parametrize("case", having("afterUpdate"))
def test_a_changed_spec_writes_what_the_operator_writes(case: Case) -> None:
    kind = "Mattermost" if "thenMattermost" in case.input else "ClusterInstallation"
    render = render_mm if kind == "Mattermost" else render_ci
    first = case.resource(kind[0].lower() + kind[1:])
    _, after = settle(first, render(first, case.world), case.world)

    then = case.resource(f"then{kind}")
    expected = case.output["afterUpdate"]
    writes, after = settle(then, render(then, after.values()), after.values())
    if case.name in TYPE_CHANGES:
        assert writes == ["delete Service/acme", "create Service/acme"]
        return
    assert writes == expected["writes"]
    assert_children(after, expected["children"], foreign=case.world)
    if "writesAfterJob" in expected:
        after[JOB] = {**after[JOB], "status": {"completionTime": "2026-01-01T00:00:00Z"}}
        writes, after = settle(then, render(then, after.values()), after.values())
        assert writes == expected["writesAfterJob"]
        assert_children(after, expected["childrenAfterJob"], foreign=case.world)
