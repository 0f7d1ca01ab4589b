"""Two templates are different when a pod would notice, and only then."""

from typing import Any

import pytest

from mattermost_migrate.domain.difference import Difference, difference, effective_env
from mattermost_migrate.domain.pod_template import defaulted


def template(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "mattermost"}}, "spec": {"containers": [], **spec}}


def pod(**container: Any) -> dict[str, Any]:
    return template(containers=[{"name": "mattermost", "image": "mm:1", **container}])


def env(*entries: tuple[str, Any]) -> dict[str, Any]:
    return pod(
        env=[
            {"name": name, **({"value": value} if isinstance(value, str) else {"valueFrom": value})}
            for name, value in entries
        ]
    )


SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(env(("A", "1"), ("B", "2")), env(("B", "2"), ("A", "1")), id="env order"),
        pytest.param(env(("A", "1"), ("A", "2")), env(("A", "2")), id="an entry that never showed"),
        pytest.param(
            env(("A", "x"), ("B", "$(A)y")), env(("B", "xy"), ("A", "x")), id="a reference resolved"
        ),
        pytest.param(env(("B", "$$(A)")), env(("B", "$(A)")), id="an escape of what is not there"),
        pytest.param(pod(), defaulted(pod()), id="what the API server fills in"),
        pytest.param(
            template(volumes=[{"name": "a"}, {"name": "b", "secret": {"secretName": "s"}}]),
            template(volumes=[{"name": "b", "secret": {"secretName": "s"}}, {"name": "a"}]),
            id="volume order",
        ),
        pytest.param(
            pod(volumeMounts=[{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}]),
            pod(volumeMounts=[{"name": "b", "mountPath": "/b"}, {"name": "a", "mountPath": "/a"}]),
            id="mount order",
        ),
        pytest.param(template(affinity={}), template(), id="an empty map"),
        pytest.param(
            {**pod(), "metadata": {"labels": {"app": "mattermost", "pod-template-hash": "1"}}},
            pod(),
            id="the template hash",
        ),
    ],
)
def test_a_pod_notices_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert difference(before, after) == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            env(("A", "1"), ("B", "$(A)")),
            env(("B", "$(A)"), ("A", "1")),
            Difference("spec.containers[mattermost].env[B]", "1", "$(A)"),
            id="a reference that comes too early",
        ),
        pytest.param(
            env(("A", SECRET)),
            env(("A", "1")),
            Difference("spec.containers[mattermost].env[A]", SECRET, "1"),
            id="a value from elsewhere",
        ),
        pytest.param(
            env(("A", SECRET), ("B", "x$(A)")),
            env(("A", SECRET), ("B", "x")),
            Difference(
                "spec.containers[mattermost].env[B]",
                'x$({"secretKeyRef": {"key": "k", "name": "s"}})',
                "x",
            ),
            id="a reference to a value from elsewhere",
        ),
        pytest.param(
            env(("A", "")),
            env(("B", "")),
            Difference("spec.containers[mattermost].env[A]", "", None),
            id="an empty variable is there",
        ),
        pytest.param(
            template(volumes=[{"name": "v"}]),
            template(),
            Difference("spec.volumes[v].emptyDir", {}, None),
            id="an empty volume is there",
        ),
        pytest.param(
            pod(livenessProbe={"httpGet": {"port": 1}}),
            pod(livenessProbe={"httpGet": {"port": 1}, "periodSeconds": 11}),
            Difference("spec.containers[mattermost].livenessProbe.periodSeconds", 10, 11),
            id="a probe that said nothing of it",
        ),
        pytest.param(
            template(initContainers=[{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]),
            template(initContainers=[{"name": "b", "image": "i"}, {"name": "a", "image": "i"}]),
            Difference("spec.initContainerOrder", ["a", "b"], ["b", "a"]),
            id="the order of init containers",
        ),
        pytest.param(
            {**pod(), "metadata": {"labels": {"app": "mattermost", "a.b/c": "d"}}},
            pod(),
            Difference("metadata.labels[a.b/c]", "d", None),
            id="a label",
        ),
        pytest.param(
            template(nodeSelector={"disk": "ssd"}),
            template(nodeSelector={"disk": "hdd"}),
            Difference("spec.nodeSelector[disk]", "ssd", "hdd"),
            id="a node selector",
        ),
        pytest.param(
            pod(image="mm:1"),
            pod(image="mm:2"),
            Difference("spec.containers[mattermost].image", "mm:1", "mm:2"),
            id="an image",
        ),
    ],
)
def test_a_pod_notices(before: dict[str, Any], after: dict[str, Any], expected: Difference) -> None:
    assert expected in difference(before, after)
    assert len(difference(before, after)) == len(difference(after, before)) > 0


def test_a_difference_reads_as_a_sentence() -> None:
    assert str(Difference("a.b", 1, 2)) == "a.b: 1 → 2"
    assert str(Difference("a.b", None, "ü")) == 'a.b: added "ü"'
    assert str(Difference("a.b", "", None)) == 'a.b: removed ""'


def test_references_are_resolved_as_the_kubelet_does() -> None:
    entries = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)$(A) $$(A) $(C) $A $("},
        {"name": "A", "value": "2"},
        {"name": "C", "value": "$(A)"},
    ]

    assert effective_env(entries) == {"A": "2", "B": "11 $(A) $(C) $A $(", "C": "2"}
