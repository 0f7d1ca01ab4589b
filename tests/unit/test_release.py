"""One version everywhere, and a workflow that runs nothing that could change under it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.release import faults, told_apart, versions

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
JOBS = yaml.safe_load(WORKFLOW.read_text())["jobs"]


def test_every_part_has_the_same_version() -> None:
    found = versions()

    assert len(set(found.values())) == 1, found
    assert faults(f"v{found['pyproject.toml: project.version']}", found) == []


def test_a_part_that_was_forgotten_is_named() -> None:
    assert faults("v1.0.0", {"a": "1.0.0", "b": "0.9.0"}) == ["b is 0.9.0, and the tag is v1.0.0"]


@pytest.mark.parametrize("version", ["1.0.0", "1.0.0-rc.1", "1.0.0-rc.1+a-b"])
def test_the_chart_s_archive_is_told_apart_from_the_plugin_s(version: str) -> None:
    found = told_apart(f"mattermost-migrate-{version}.tgz")

    assert found == f"mattermost-migrate-chart-{version}.tgz"


def test_every_action_is_pinned_by_its_commit() -> None:
    used = re.findall(r"uses: (\S+)( # v\S+)?", WORKFLOW.read_text())

    assert len(used) > 10
    for action, version in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert version, f"{action}: say which version that is"


@pytest.mark.parametrize("name", JOBS)
def test_every_job_has_an_end_and_its_own_rights(name: str) -> None:
    assert JOBS[name]["timeout-minutes"] <= 60
    assert JOBS[name]["permissions"]


def test_the_workflow_has_an_environment_before_it_calls_what_needs_one() -> None:
    called = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    ours = [text for text in called if "deploy/release.py" in text]

    assert len(ours) == 2
    for text in ours:
        before, _, _ = text.partition(".venv/bin/python deploy/release.py")
        assert "make venv" in before
        assert before != text


def test_nothing_is_published_that_was_not_tested() -> None:
    def behind(job: str) -> set[str]:
        needs = JOBS[job].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct | {name for each in direct for name in behind(each)}

    assert "test" in behind("publish")
    assert "test" in behind("image")


def test_the_image_gets_the_tag_that_the_chart_asks_for(tmp_path: Path) -> None:
    steps = JOBS["image"]["steps"]
    (push,) = [step for step in steps if "build-push-action" in step.get("uses", "")]
    (tag,) = [step for step in steps if step.get("id") == "tag"]
    version, output = versions()["deploy/chart/Chart.yaml: appVersion"], tmp_path / "output"
    environ = {"GITHUB_REF_NAME": f"v{version}", "GITHUB_OUTPUT": str(output)}

    subprocess.run(["/bin/bash", "-c", tag["run"]], env=environ, check=True)  # noqa: S603 - ours

    assert output.read_text() == f"name={version}\n"
    assert push["with"]["tags"].endswith(":${{ steps.tag.outputs.name }}")


def test_the_image_comes_with_its_parts_list_and_its_origin_and_is_signed() -> None:
    steps = JOBS["image"]["steps"]
    (push,) = [step for step in steps if "build-push-action" in step.get("uses", "")]

    assert push["with"]["sbom"] is True
    assert push["with"]["provenance"] == "mode=max"
    assert "PYTHON_IMAGE=" in push["with"]["build-args"]
    assert any("cosign sign --yes" in step.get("run", "") for step in steps)
