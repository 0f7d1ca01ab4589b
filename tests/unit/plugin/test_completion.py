"""Completion: what Helm is told in advance, and what it asks us."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click
import pytest
import yaml

from helm_mattermost_migrate.cli import COMMANDS, program
from helm_mattermost_migrate.completion import declared, main, wanted
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, FLEET_MIGRATION, MATTERMOST

FILE = Path(__file__).parents[3] / "helm-plugin" / "completion.yaml"


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)


def test_the_file_says_what_the_commands_take() -> None:
    assert yaml.safe_load(FILE.read_text()) == declared()


@pytest.mark.parametrize(
    ("words", "candidates"),
    [
        ([""], [*COMMANDS, ":4"]),
        (["re"], ["resume", "revert", "retry", "render", "report", ":4"]),
        (["status", "-o", "j"], ["json", ":4"]),
        (["convert", "-f", ""], [":0"]),
        (["run", "-f", ""], [":0"]),
        (["plan", "--filename", ""], [":0"]),
        (["run", "--plan", "fri"], [":0"]),
        (["plan", "--all", "--save", ""], [":0"]),
        (["run", "--plan=fri"], [":0"]),
        (["report", "--fleet", "f", "--file="], [":0"]),
        (["status", "--output=j"], ["json", ":4"]),
        (["report", "--file", ""], [":0"]),
        (["status", ""], [":4"]),
        (["bogus", "x"], [":4"]),
    ],
)
def test_candidates_without_a_cluster(
    words: list[str], candidates: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(words)

    assert capsys.readouterr().out.splitlines() == candidates


@pytest.mark.parametrize(
    ("name", "before", "kinds"),
    [
        ("plan", [], (CLUSTER_INSTALLATION, MATTERMOST)),
        ("plan", ["-l"], ()),
        ("plan", ["-A"], (CLUSTER_INSTALLATION, MATTERMOST)),
        ("status", ["--fleet"], (FLEET_MIGRATION,)),
        ("pause", [], (FLEET_MIGRATION,)),
        ("version", [], ()),
    ],
)
def test_names_stand_where_an_argument_may(
    name: str, before: list[str], kinds: tuple[object, ...]
) -> None:
    command = program.get_command(click.Context(program), name)

    assert command is not None
    assert wanted(command, before) == kinds


def test_a_login_that_asks_is_neither_shown_nor_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    login = f"echo $$ >{tmp_path}/pid; echo enter the code >&2; exec sleep 60"
    plugin = {
        "command": "sh",
        "args": ["-c", login],
        "apiVersion": "client.authentication.k8s.io/v1",
    }
    config = {
        "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "x", "user": {"exec": plugin}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(sys.modules[main.__module__], "_PATIENCE_SECONDS", 1.0)

    main(["plan", ""])

    told = capfd.readouterr()
    assert (told.out, told.err) == (":4\n", "")
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Whether the process ends within a moment."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
