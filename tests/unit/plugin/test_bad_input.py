"""Whatever is wrong with whichever document is told at once, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from helm_mattermost_migrate.cli import main
from helm_mattermost_migrate.errors import Exit

ONE = """\
apiVersion: mattermost.com/v1alpha1
kind: ClusterInstallation
metadata: {name: types, namespace: ns}
spec: {ingressName: chat.example.com, replicas: "3", mattermostEnv: {A: b}}
---
apiVersion: mattermost.com/v1alpha1
kind: ClusterInstallation
metadata: {name: twice, namespace: ns}
spec:
  ingressName: a
  ingressName: b
---
metadata:
  name: broken
   namespace: ns
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, namespace: ns}
---
apiVersion: mattermost.com/v1alpha1
kind: ClusterInstallation
metadata: {name: lost, namespace: ns}
spec:
  ingressName: chat.example.com
  database: {secret: nowhere}
  minio: {externalURL: s3, secret: nothing}
"""
UNREADABLE_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {A: '%%'}\n"
BROKEN_JSON = '{"apiVersion": "v1", "kind": "Secret", "metadata": {}, "metadata": {}}\n'

EVERYWHERE = (
    "one.yaml:1: ClusterInstallation ns/types: spec.replicas: must be an integer, not a string",
    "one.yaml:1: ClusterInstallation ns/types: spec.mattermostEnv: must be a list, not an object",
    "one.yaml:11:3: key 'ingressName' is repeated",
    "one.yaml:15:13: mapping values are not allowed in this context",
    "two.json:1:56: key 'metadata' is repeated",
    "two.yaml:1: Secret db: data[A]: is not base64",
)
CONVERTING = (
    "one.yaml:21: ClusterInstallation ns/lost: spec.database.secret: there is no Secret 'nowhere'",
    "one.yaml:21: ClusterInstallation ns/lost: spec.minio.secret: there is no Secret 'nothing'",
)
RENDERING = ('one.yaml:21: ClusterInstallation ns/lost: failed to get database secret: secrets "',)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "one.yaml").write_text(ONE)
    (tmp_path / "two.yaml").write_text(UNREADABLE_SECRET)
    (tmp_path / "two.json").write_text(BROKEN_JSON)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        pytest.param(["convert"], CONVERTING, id="convert"),
        pytest.param(
            ["convert", "--strict"],
            (*CONVERTING, "one.yaml:17: ConfigMap ns/other: kind: means nothing here"),
            id="convert strictly",
        ),
        pytest.param(["render"], RENDERING, id="render"),
    ],
)
def test_all_faults_of_all_documents_come_at_once(
    arguments: list[str],
    faults: tuple[str, ...],
    folder: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-f", folder, "-o", "json"])

    out, err = capsys.readouterr()
    assert ended.value.code == Exit.USAGE
    assert out == "[]\n"
    told = [line for line in err.splitlines() if line.startswith("Error: ")]
    expected = [f"Error: {folder}/{fault}" for fault in (*EVERYWHERE, *faults)]
    assert [fault for fault in expected if not any(line.startswith(fault) for line in told)] == []
    assert len(told) == len(expected)
    assert "Traceback" not in err


def test_a_kind_that_means_nothing_is_named_and_passed_over(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "-f", folder])

    assert f"Passed over: {folder}/one.yaml:17: ConfigMap ns/other" in capsys.readouterr().err
