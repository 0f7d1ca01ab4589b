"""There and back: nothing is lost, nothing crashes, whatever the CRD allows."""

import itertools
import json
import statistics
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mattermost_migrate.domain import canonical
from mattermost_migrate.domain.conversion import Converted, convert, original, restore
from mattermost_migrate.domain.conversion.versions import to_preview, to_stored
from mattermost_migrate.domain.defaults import default_cluster_installation, default_mattermost
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.testing import crd, golden

SPEC = crd.schema("ClusterInstallation")
METADATA = st.fixed_dictionaries(
    {"name": st.sampled_from(["acme", "a.b"]), "namespace": st.just("ns")},
    optional={
        "labels": st.dictionaries(
            st.sampled_from(["team", "app.kubernetes.io/managed-by", "helm.sh/chart"]),
            st.text("ab"),
        ),
        "annotations": st.dictionaries(
            st.sampled_from(
                ["note", "kubectl.kubernetes.io/last-applied-configuration", "meta.helm.sh/x"]
            ),
            st.text(st.characters(codec="utf-8"), max_size=40),
        ),
        "finalizers": st.lists(st.just("example.com/hold"), max_size=1),
        "uid": st.just("1"),
    },
)
#: Hypothesis seldom finds a text that is not empty and a switch that is off by itself.
USABLE = {"ingressName": "chat.example.com", "blueGreen": {}, "canary": {}}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*SPEC["properties"], "name", "labels", "limits", "enable"]), inner
        )
    ),
    max_leaves=8,
)
BOUNDED = settings(
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def exact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def converted_or_refused(ci: dict[str, Any]) -> Converted | None:
    try:
        return convert(ci, Existing(), assume_external=True)
    except RefusedError as refused:
        return None if refused.faults else Converted({}, ())


def installation(metadata: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "mattermost.com/v1alpha1",
        "kind": "ClusterInstallation",
        "metadata": metadata,
        "spec": spec,
        "status": {"state": "stable"},
    }


@BOUNDED
@given(METADATA, crd.objects(SPEC), st.sampled_from([{}, USABLE]))
def test_the_way_back_gives_every_byte_or_the_way_there_refuses(
    metadata: dict[str, Any], spec: dict[str, Any], usable: dict[str, Any]
) -> None:
    ci = installation(metadata, {**spec, **usable})

    converted = converted_or_refused(ci)

    event("refused" if converted is None else "converted")
    if converted is not None:
        assert exact(restore(converted.mattermost)) == exact(original(ci))
        stored = converted.mattermost["spec"]
        assert exact(stored) == exact(canonical.mattermost_spec(stored))


@settings(BOUNDED, max_examples=300)
@given(crd.objects(SPEC))
def test_a_stored_mattermost_comes_back_as_the_stored_installation(spec: dict[str, Any]) -> None:
    ci = installation({"name": "acme", "namespace": "ns"}, {**spec, **USABLE})
    converted = converted_or_refused(ci)
    if converted is None:
        return

    restored = restore(default_mattermost(converted.mattermost))

    assert exact(default_cluster_installation(restored)) == exact(
        default_cluster_installation(original(ci))
    )


@settings(BOUNDED, max_examples=300)
@given(METADATA, crd.objects(SPEC))
def test_a_preview_is_never_refused_and_as_lossless(
    metadata: dict[str, Any], spec: dict[str, Any]
) -> None:
    kept = {key: value for key, value in metadata.items() if value}  # an API server's: none empty
    ci = installation(kept, spec)

    assert exact(to_stored(to_preview(ci))) == exact(ci)


def test_a_preview_takes_a_database_with_a_secret_for_external() -> None:
    spec = {**USABLE, "database": {"secret": "db"}}

    shown = to_preview(installation({"name": "acme"}, spec))

    assert shown["spec"]["database"] == {"external": {"secret": "db"}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"resourceLabels": {"\ud800": "x"}}, "spec.resourceLabels[\\ud800]"),
        ({"resourceLabels": {"a": "\udfff"}}, "spec.resourceLabels[a]"),
        ({"resourceLabels": {1: "x"}}, "spec.resourceLabels[1]"),
        ({"resourceLabels": []}, "spec.resourceLabels"),
        ({"replicas": 1 << 31}, "spec.replicas"),
        ({"replicas": True}, "spec.replicas"),
        ({"migrate": 1}, "spec.migrate"),
        ({"mattermostEnv": [{"name": "A", "valeu": "x"}]}, "spec.mattermostEnv[0].valeu"),
        ({"mattermostEnv": {}}, "spec.mattermostEnv"),
        ({"resources": {"limits": {"cpu": "much"}}}, "spec.resources.limits[cpu]"),
        ({"resources": {"limits": {"cpu": []}}}, "spec.resources.limits[cpu]"),
        ({"livenessProbe": {"httpGet": {"port": 1.5}}}, "spec.livenessProbe.httpGet.port"),
        ({"affinity": "x"}, "spec.affinity"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        convert(installation({"name": "acme"}, {**USABLE, **spec}), Existing())

    assert [fault.field for fault in refused.value.faults] == [field]


@settings(BOUNDED, max_examples=500)
@given(JUNK)
def test_junk_is_refused_and_never_crashes(junk: Any) -> None:
    converted_or_refused({"spec": junk})
    converted_or_refused({"metadata": junk, "spec": {}})
    converted_or_refused({"metadata": {"name": "a", "labels": junk}, "spec": USABLE})


@pytest.mark.parametrize("case", golden.cases(), ids=str)
def test_recorded_installations_come_back(case: golden.Case) -> None:
    if "clusterInstallation" not in case.input:
        return
    ci = case.resource("clusterInstallation")
    ci["spec"] = case.output.get("defaulted", ci["spec"])

    assert exact(to_stored(to_preview(ci))) == exact(ci)


@pytest.mark.parametrize("seed", range(4))
def test_seeded_installations_come_back_within_a_millisecond_each(seed: int) -> None:
    generator = crd.Generator(seed)
    made = [
        installation({"name": "acme", "namespace": "ns"}, {**generator.make(SPEC), **USABLE})
        for _ in range(500)
    ]

    # Of this process alone, for others' work does not count; and the median, for neither does a
    # collection of the garbage of a thousand other tests.
    times = [time.process_time()]
    converted = []
    for ci in made:
        converted.append(converted_or_refused(ci))
        times.append(time.process_time())

    assert sum(each is not None for each in converted) > len(made) / 4
    for ci, each in zip(made, converted, strict=True):
        if each is not None:
            assert exact(restore(each.mattermost)) == exact(original(ci))
    assert statistics.median(b - a for a, b in itertools.pairwise(times)) < 0.001
