from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from mattermost_migrate.domain.editlock import Edit, Exempt, Operation, judge
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.domain.validation import Verdict, validate

KIND = CLUSTER_INSTALLATION.kind


def installation(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "chat"}, "spec": {"ingressName": "chat.example.com", **spec}}


def env(*names: str) -> dict[str, Any]:
    return installation(mattermostEnv=[{"name": name} for name in names])


@pytest.mark.parametrize(
    ("old", "new", "blocked"),
    [
        pytest.param(installation(version="a b"), installation(version="a b"), [], id="untouched"),
        pytest.param(
            installation(version="a b"),
            installation(version="a b", replicas=3),
            [],
            id="another field touched",
        ),
        pytest.param(
            installation(version="a b"),
            installation(version="c d"),
            ["spec.version"],
            id="one fault for another",
        ),
        pytest.param(
            installation(),
            installation(version="a b"),
            ["spec.version"],
            id="a good value made faulty",
        ),
        pytest.param(env("A=B"), env("X", "A=B"), [], id="the faulty item moved"),
        pytest.param(
            env("A=B"),
            env("A=B", "A=B"),
            ["spec.mattermostEnv[1].name"],
            id="the same fault once more",
        ),
        pytest.param(
            installation(version="a b"),
            installation(version="a b", imagePullPolicy="x"),
            ["spec.imagePullPolicy"],
            id="a fault beside a stored one",
        ),
    ],
)
def test_only_faults_that_this_update_brings_block_it(
    old: dict[str, Any], new: dict[str, Any], blocked: list[str]
) -> None:
    assert [fault.field for fault in validate(KIND, old, new).faults] == blocked


def test_a_stored_fault_is_still_spoken_of() -> None:
    verdict = validate(KIND, installation(version="a b"), installation(version="a b"))

    assert verdict.warnings[0].startswith("spec.version: 'a b': must be a tag")


def test_a_deletion_and_its_finalizers_are_never_judged() -> None:
    going = {**installation(version="a b"), "metadata": {"deletionTimestamp": "now"}}

    assert validate(KIND, installation(), None) == Verdict()
    assert validate(KIND, installation(), going) == Verdict()


def test_migrations_are_warned_of_short_deadlines() -> None:
    spec = {"desiredKind": "Mattermost", "pinPodTemplate": False, "progressDeadlineSeconds": 10}
    verdict = validate(INSTALLATION_MIGRATION.kind, None, {"spec": spec})

    assert [line.partition(":")[0] for line in verdict.warnings] == [
        "spec.pinPodTemplate",
        "spec.progressDeadlineSeconds",
    ]


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=6), inner),
    max_leaves=12,
)
#: Words under which the rules look, so that odd values meet them.
WORDS = some.sampled_from(
    [
        "image", "version", "size", "replicas", "resources", "requests", "limits", "minio",
        "database", "blueGreen", "canary", "enable", "deployment", "blue", "green",
        "ingress", "host", "hosts", "ingressName", "ingressAnnotations", "mattermostEnv",
        "name", "valueFrom", "livenessProbe", "httpGet", "port", "affinity", "nodeAffinity",
        "scheduling", "tolerations", "volumes", "volumeMounts", "fileStore", "external",
        "local", "accessModes", "resourcePatch", "patch", "podTemplate", "resourceLabels",
        "storageSize", "awsLoadBalancerController", "podExtensions", "sidecarContainers",
    ]
)  # fmt: skip
SPEC = some.dictionaries(
    WORDS,
    some.recursive(
        JSON,
        lambda inner: some.dictionaries(WORDS, inner, max_size=3) | some.lists(inner, max_size=2),
        max_leaves=8,
    ),
    max_size=6,
)


@pytest.mark.parametrize("kind", [CLUSTER_INSTALLATION.kind, MATTERMOST.kind])
@settings(max_examples=100, deadline=None)
@given(old=SPEC, new=SPEC)
def test_no_spec_whatever_trips_the_rules(
    kind: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    before, after = ({"metadata": {"name": "chat"}, "spec": spec} for spec in (old, new))

    verdict = validate(kind, before, after)
    migration = {"metadata": {"labels": {"migration.mattermost.com/lock": "frozen"}}}
    edit = Edit(Operation.UPDATE, kind, "acme", "chat", "gitops", before, after)
    judge(edit, migration, exempt=Exempt())

    assert all(len(line) <= 120 for line in verdict.warnings)
