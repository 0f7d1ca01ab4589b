"""What the Dockerfile says; that it can be carried out is tested in tests/e2e/installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattermost_migrate.testing.image import Stage, stages

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "images" / "Dockerfile"


@pytest.fixture(scope="module")
def read() -> dict[str, Stage]:
    return {stage.name: stage for stage in stages(FILE.read_text())}


def test_only_one_stage_asks_an_index_and_only_for_what_is_locked(read: dict[str, Stage]) -> None:
    for name, stage in read.items():
        for command in stage.texts("RUN"):
            if name == "wheels" and command.startswith("pip "):
                assert "--require-hashes" in command
                assert "--only-binary=:all:" in command
            elif command.startswith("pip "):
                assert "--no-index" in command


def test_what_ships_runs_nothing_while_it_is_built_and_is_nobody(read: dict[str, Stage]) -> None:
    last = read[""]

    assert last.texts("RUN") == []
    assert last.texts("USER") == ["65532:65532"]
    assert [text for text in last.texts("COPY") if "--from=environment" not in text] == []


def test_every_package_of_the_wheel_is_copied_and_let_through(read: dict[str, Stage]) -> None:
    copied = {
        word
        for text in read["wheels"].texts("COPY") + read["environment"].texts("COPY")
        if not text.startswith("--from")
        for word in text.split()[:-1]
    }
    let_through = [
        line.removeprefix("!")
        for line in FILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for package in (
        "mattermost_migrate",
        "webhook",
        "controller",
        "certs",
        "helm-plugin/helm_mattermost_migrate",
    ):
        assert package in copied
    for source in copied:
        assert any(source == name or source.startswith(f"{name}/") for name in let_through), source
