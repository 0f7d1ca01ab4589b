"""The builder, with a ``go`` that only pretends to compile: once, whole, and never by halves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mattermost_migrate.testing.tools import TOOLS, Tool, ToolError, ready
from mattermost_migrate.testing.tools.toolchain import environment, find

GO = """#!/bin/sh
case "$1" in
  env) echo go{version} ;;
  list) echo {folder}/source ;;
  build)
    echo "$GOFLAGS|$CGO_ENABLED|$GOWORK" >> {folder}/builds
    sleep 0.3
    while [ "$1" != -o ]; do shift; done
    echo compiling >&2
    {act}
    echo made > "$2" ;;
esac
"""


class Heard:
    """Progress, written down."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, tool: Tool) -> None:
        self.told.append(f"started {tool.name}")

    def said(self, tool: Tool, line: str) -> None:
        self.told.append(f"{tool.name}: {line}")

    def finished(self, tool: Tool) -> None:
        self.told.append(f"finished {tool.name}")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Go toolchain that is new enough, first on PATH, and an empty cache."""
    monkeypatch.setenv("MATTERMOST_MIGRATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return script(tmp_path / "bin" / "go", GO.format(version="1.99.0", folder=tmp_path, act=":"))


def test_a_program_is_built_once_with_our_flags_whatever_the_users_are(
    go: Path, tmp_path: Path
) -> None:
    heard = Heard()

    first = ready(["etcd"], heard)["etcd"]
    again = ready(["etcd"], heard)["etcd"]

    assert first == again
    assert first.read_text() == "made\n"
    assert heard.told == ["started etcd", "etcd: compiling", "finished etcd"]
    flags = "-mod=readonly -trimpath -buildvcs=false -modcacherw|0|off\n"
    assert (tmp_path / "builds").read_text() == flags


def test_two_builders_at_once_build_it_once(go: Path, tmp_path: Path) -> None:
    code = "from mattermost_migrate.testing.tools import ready; print(ready(['etcd'])['etcd'])"
    both = [
        subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    answers = {each.communicate(timeout=60)[0] for each in both}

    assert len(answers) == 1
    assert len((tmp_path / "builds").read_text().splitlines()) == 1


def test_a_build_that_fails_leaves_nothing_and_shows_what_the_compiler_said(
    go: Path, tmp_path: Path
) -> None:
    script(go, GO.format(version="1.99.0", folder=tmp_path, act='echo half > "$2"; exit 1'))

    with pytest.raises(ToolError, match=r"cannot build etcd v3\.6\.8:\ncompiling"):
        ready(["etcd"])

    left = [path for path in (tmp_path / "cache").rglob("*") if path.name == "etcd"]
    assert left == []


def test_the_stages_of_kwok_come_from_its_own_module(go: Path, tmp_path: Path) -> None:
    for folder in TOOLS["kwok"].stages:
        script(tmp_path / "source" / folder / "one.yaml", f"from: {folder}\n")
        script(tmp_path / "source" / folder / "kustomization.yaml", "no: stage\n")

    stages = ready(["kwok"]).stages.read_text()

    assert [line for line in stages.splitlines() if line.startswith("from")] == [
        f"from: {folder}" for folder in TOOLS["kwok"].stages
    ]
    assert "no: stage" not in stages


def test_a_toolchain_of_ours_keeps_its_caches_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTERMOST_MIGRATE_CACHE", str(tmp_path))
    monkeypatch.delenv("GOCACHE", raising=False)
    monkeypatch.delenv("GOMODCACHE", raising=False)

    ours, theirs = environment(tmp_path / "go-1.26.6" / "go"), environment("/usr/local/go/bin/go")

    assert {Path(ours[name]).parent for name in ("GOCACHE", "GOMODCACHE")} == {
        tmp_path / "go-caches"
    }
    assert not {"GOCACHE", "GOMODCACHE"} & set(theirs)


def test_a_go_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    old = script(tmp_path / "old", GO.format(version="1.19.2", folder=tmp_path, act=":"))
    new = script(tmp_path / "new", GO.format(version="1.99.0", folder=tmp_path, act=":"))

    assert find([tmp_path / "missing", old, new]) == new
    assert find([old]) is None


@pytest.mark.parametrize(
    ("version", "folder"),
    [
        pytest.param("v1.36.9", "assets", id="same minor: taken"),
        pytest.param("v1.30.1", "cache", id="other minor: built"),
    ],
)
def test_ready_binaries_are_taken_where_their_version_suits(
    go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, folder: str
) -> None:
    assets = tmp_path / "assets"
    script(assets / "kube-apiserver", f"#!/bin/sh\necho Kubernetes {version}\n")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))

    assert ready(["kube-apiserver"])["kube-apiserver"].is_relative_to(tmp_path / folder)
