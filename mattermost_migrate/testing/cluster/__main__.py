"""``make cluster``: a control plane of one's own, for as long as one looks at it."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mattermost_migrate.testing.cluster import stand_ins
from mattermost_migrate.testing.cluster.components import RAISED, STOCK, AuditLevel
from mattermost_migrate.testing.cluster.control_plane import LocalCluster, Options
from mattermost_migrate.testing.cluster.process import ProcessError
from mattermost_migrate.testing.tools import Toolbox, ToolError, ready
from mattermost_migrate.testing.tools.__main__ import Screen

__all__ = ["main"]

CRDS = Path(__file__).parents[3] / "deploy" / "crds"


def main(arguments: Sequence[str] | None = None) -> int:
    """Start a cluster, and run a command in it or wait for Ctrl-C.

    Returns:
        The command's exit code; 0 after Ctrl-C; 1 when the cluster cannot be had.
    """
    wanted = _parser().parse_args(arguments)
    options = Options(
        nodes=wanted.nodes,
        audit=AuditLevel(wanted.audit) if wanted.audit != "none" else None,
        pace=STOCK if wanted.stock else RAISED,
        crds=(CRDS,),
    )
    screen = Console(stderr=True, highlight=False)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with Screen() as building:
            tools = ready(progress=building)
        return _run(tools, options, wanted.command, screen)
    except (ToolError, ProcessError, FileNotFoundError, PermissionError) as problem:
        screen.print(str(problem), style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(tools: Toolbox, options: Options, command: Sequence[str], screen: Console) -> int:
    began = time.monotonic()
    with LocalCluster(tools, options) as cluster:
        stand_ins.start(cluster)
        screen.print(f"A cluster is up after {time.monotonic() - began:.1f} s.")
        programs = tools.link(cluster.folder / "bin")
        if command:
            path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
            variables = {"KUBECONFIG": str(cluster.kubeconfig), "PATH": path}
            run = subprocess.run(command, env=os.environ | variables, check=False)  # noqa: S603 - the person's own
            return run.returncode
        sys.stdout.write(f"export KUBECONFIG={cluster.kubeconfig}\nexport PATH={programs}:$PATH\n")
        sys.stdout.flush()
        screen.print(f"Logs and audit log: {cluster.folder}. Ctrl-C ends it.", soft_wrap=True)
        signal.pause()
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mattermost_migrate.testing.cluster", description=__doc__
    )
    parser.add_argument("--nodes", type=int, default=1, help="how many kwok nodes (default 1)")
    parser.add_argument(
        "--audit",
        choices=["none", *AuditLevel],
        default=AuditLevel.METADATA,
        help="what the audit log keeps of each request (default Metadata)",
    )
    parser.add_argument(
        "--stock",
        action="store_true",
        help="give kube-controller-manager its stock client limits instead of raised ones",
    )
    parser.add_argument(
        "command", nargs="*", help="run this with KUBECONFIG and PATH set, then stop the cluster"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
