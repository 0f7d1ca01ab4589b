"""``make cluster``: it leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mattermost_migrate.testing.tools import Toolbox

COMMAND = [sys.executable, "-m", "mattermost_migrate.testing.cluster"]


def processes(folder: Path) -> list[str]:
    """The command lines that name a cluster's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if str(folder) in line:
            found.append(line)
    return found


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The command, once its cluster is up, and the cluster's folder."""
    with subprocess.Popen(  # noqa: S603 - our own command
        COMMAND, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        line = command.stdout.readline()
        assert line.startswith("export KUBECONFIG=")
        folder = Path(line.split("=", 1)[1].strip()).parent
        try:
            yield command, folder
        finally:
            command.kill()


def test_a_command_runs_in_a_cluster_and_its_exit_code_is_ours(tools: Toolbox) -> None:
    script = "kubectl get --raw /readyz; echo; kubectl get crd -o name; dirname $KUBECONFIG"

    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "--", "sh", "-c", f"{script}; exit 7"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 7
    ready, *crds, folder = done.stdout.splitlines()
    assert ready == "ok"
    assert "customresourcedefinition.apiextensions.k8s.io/mysqlclusters.mysql.presslabs.org" in crds
    assert not Path(folder).exists()
    assert processes(Path(folder)) == []


def test_ctrl_c_ends_it_in_order(tools: Toolbox) -> None:
    with running() as (command, folder):
        wait_for(lambda: len(processes(folder)) == 6)  # five components and the stand-in
        command.send_signal(signal.SIGINT)
        assert command.wait(15) == 0

    assert processes(folder) == []
    assert not folder.exists()


def test_nothing_survives_a_kill(tools: Toolbox) -> None:
    with running() as (command, folder):
        os.kill(command.pid, signal.SIGKILL)
        command.wait()

    wait_for(lambda: processes(folder) == [])
    assert folder.exists()  # nobody was left to remove it; the next cluster does

    subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "--", "true"], check=True, capture_output=True
    )
    assert not folder.exists()
