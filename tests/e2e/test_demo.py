"""``make demo`` as a person runs it, with a smaller fleet: it ends well, and says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mattermost_migrate.domain.names import CRD, NAMESPACE
from mattermost_migrate.domain.objects import name_of
from mattermost_migrate.testing.cluster import LocalCluster, Options
from mattermost_migrate.testing.tools import Toolbox

ROOT = Path(__file__).parents[2]
#: The plugin's environment may have to be made first.
PATIENCE = 280
ROW = re.compile(r"^ (\S+/\S+) +\d+\.\d\d s +2→2 same +1→1 same +0 +0 +\d+$", re.MULTILINE)

pytestmark = pytest.mark.timeout(PATIENCE + 20)


@contextmanager
def demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command behind ``make demo``; killed if the test ends before it."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "deploy.demo", *arguments],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def shown(*arguments: str) -> tuple[int, str]:
    with demo(*arguments) as running:
        text, _ = running.communicate(timeout=PATIENCE)
    return running.returncode, text


@pytest.mark.parametrize("helm", ["3", "4"])
def test_it_shows_that_nothing_was_lost(tools: Toolbox, helm: str) -> None:
    code, text = shown("--fleet", "4", "--helm", helm)

    assert code == 0, text
    assert sorted(ROW.findall(text)) == [
        "demo-ap/beacon",
        "demo-eu/acme",
        "demo-eu/birch",
        "demo-samples/example-clusterinstallation",
        "demo-samples/mm-example-anywhere",
        "demo-us/aurora",
    ], text
    for line in (
        r"^Installations +6 of 6 migrated in \d+\.\d s$",
        r"^Pods created +0, beside 12 that stayed$",
        r"^Endpoints lost +0 of 12$",
        r"^Error from server \(Invalid\): admission webhook",
        r"^Error from server \(Forbidden\): admission webhook",
        r"^Error from server \(Forbidden\): .*ValidatingAdmissionPolicy",
    ):
        assert re.search(line.replace("^Error", r"^ +Error"), text, re.MULTILINE), (line, text)
    assert "\x1b" not in text


def test_a_cluster_that_was_there_is_left_as_it_was(tools: Toolbox) -> None:
    with LocalCluster(tools, Options()) as cluster:
        there = [{name_of(o) for o in cluster.admin.list(kind)} for kind in (NAMESPACE, CRD)]
        code, text = shown("--fleet", "2", "--kubeconfig", str(cluster.kubeconfig), "--yes")
        left = [{name_of(o) for o in cluster.admin.list(kind)} for kind in (NAMESPACE, CRD)]

    assert code == 0, text
    assert len(ROW.findall(text)) == 4, text
    assert left == there


def test_a_cluster_is_not_touched_when_nobody_agreed(tools: Toolbox) -> None:
    with LocalCluster(tools, Options()) as cluster:
        code, text = shown("--kubeconfig", str(cluster.kubeconfig))
        crds = cluster.admin.list(CRD)

    assert code == 1
    assert "nobody is there to agree" in text
    assert crds == []


def test_it_stops_at_once_and_leaves_no_process_behind(tools: Toolbox) -> None:
    with demo("--fleet", "2") as running:
        lines = iter(running.stdout or ())
        for line in lines:
            if "mattermost-migrate-controller" in line:
                break
        family = processes_of(running.pid)
        running.send_signal(signal.SIGINT)
        rest = "".join(lines)
        running.wait(timeout=60)

    assert running.returncode == 130, rest
    assert "Stopped, and tidied up." in rest
    assert "Traceback" not in rest
    assert len(family) > 5
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []


def processes_of(parent: int) -> list[int]:
    """Its children, as the kernel counts them."""
    children = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        if int(fields[1]) == parent:
            children.append(int(entry.name))
    return children
