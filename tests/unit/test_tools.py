"""Each program's recipe, and the key under which its build is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mattermost_migrate.testing.tools import catalogue
from mattermost_migrate.testing.tools.catalogue import RARE, TOOLS, Tool, ToolError, go_needed


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module folder that a test may edit."""
    monkeypatch.setattr(catalogue, "MODULES", tmp_path)
    module = tmp_path / "etcd"
    module.mkdir()
    (module / "go.mod").write_text(
        "module tools/etcd\n\ngo 1.26.0\n\nrequire example.com/etcd v1.2.3\n"
    )
    (module / "go.sum").write_text("example.com/etcd v1.2.3 h1:abc=\n")
    return module


def tool(**changes: object) -> Tool:
    plain = Tool(
        "etcd", "etcd", "example.com/etcd/cmd", "example.com/etcd", {"v.Version": "{version}"}
    )
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("etcd", "v3.6.8"),
        ("kube-apiserver", "v1.36.3"),
        ("kubectl", "v1.36.3"),
        ("kwok", "v0.8.0"),
        ("helm3", "v3.22.0"),
        ("helm4", "v4.3.1"),
        ("promtool", "v0.313.5"),
    ],
)
def test_the_version_is_the_one_that_go_mod_pins(name: str, version: str) -> None:
    assert (TOOLS | RARE)[name].version == version


def test_every_module_names_its_package_as_a_tool() -> None:
    for each in (*TOOLS.values(), *RARE.values()):
        assert f"tool {each.package}\n" in (each.folder / "go.mod").read_text()


def test_the_kubernetes_modules_are_all_of_one_release() -> None:
    text = (TOOLS["kubectl"].folder / "go.mod").read_text()
    staged = [line.split()[-1] for line in text.splitlines() if " => k8s.io/" in line]

    minor = TOOLS["kubectl"].version.removeprefix("v1.")
    assert len(staged) > 25
    assert set(staged) == {f"v0.{minor}"}


def test_the_go_that_is_needed_is_the_newest_of_any_module() -> None:
    assert go_needed() >= (1, 26, 0)


def test_the_version_is_stamped_in(checkout: Path) -> None:
    assert tool().linker_flags == "-s -w -X v.Version=v1.2.3"


def test_a_module_that_lost_its_requirement_is_named(checkout: Path) -> None:
    (checkout / "go.mod").write_text("module tools/etcd\n")

    with pytest.raises(ToolError, match=r"cannot build etcd: .* pins no example.com/etcd"):
        _ = tool().version


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_another_source_gives_another_key(checkout: Path, file: str) -> None:
    before = tool().key
    with (checkout / file).open("a") as text:
        text.write("// changed\n")

    assert tool().key != before


def test_another_flag_gives_another_key_and_the_same_recipe_the_same(checkout: Path) -> None:
    assert tool().key == tool().key
    assert tool(stamp={}).key != tool().key
    assert tool(package="example.com/etcd/other").key != tool().key
    assert tool(tags=("small",)).key != tool().key


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MATTERMOST_MIGRATE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert catalogue.cache_folder() == Path("/somewhere/mattermost-migrate")
    monkeypatch.setenv("MATTERMOST_MIGRATE_CACHE", "/elsewhere")
    assert catalogue.cache_folder() == Path("/elsewhere")
