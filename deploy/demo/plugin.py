"""The Helm plugin, installed by Helm itself into folders of the demo's own, for a person to see.

The folders stay where they are from run to run, in the checkout's ``.cache``: the plugin's private
environment is what takes long, and the plugin's install hook knows by itself when it is current.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.demo.programs import run_before_us, run_quietly

__all__ = ["Helm", "helm_home"]

_ROOT: Final = Path(__file__).parents[2]
_PLUGIN: Final = _ROOT / "helm-plugin"
_HOMES: Final = _ROOT / ".cache" / "demo"


@contextmanager
def helm_home(name: str, spare: Path) -> Iterator[Path]:
    """A folder for all that Helm keeps, ours alone for as long as we hold it.

    Args:
        name: of the folder that stays from run to run.
        spare: another folder, for when a second demo runs at the same time.
    """
    home = _HOMES / name
    home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        lock = held.enter_context((home / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            home = spare
            home.mkdir()
        yield home


@dataclass(frozen=True, slots=True)
class Helm:
    """A Helm with a home and a cluster of its own.

    Attributes:
        program: the binary.
        home: the folder for all it keeps.
        kubeconfig: the cluster's, of the person who migrates.
    """

    program: Path
    home: Path
    kubeconfig: Path

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with nothing of the person's own Helm: its folders and its cluster are these."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        return {
            **ours,
            **self.settings,
            # What the plugin makes its private environment with: what we run on.
            "MATTERMOST_MIGRATE_PYTHON": sys.executable,
        }

    @property
    def settings(self) -> dict[str, str]:
        """The variables by which a person's shell gets to the same Helm and cluster."""
        folders = {
            f"HELM_{part.upper()}_HOME": str(self.home / part)
            for part in ("config", "cache", "data")
        }
        return {"KUBECONFIG": str(self.kubeconfig), **folders}

    def install_plugin(self) -> None:
        """``helm plugin install``; an environment that an earlier run made is kept.

        Raises:
            BrokenError: Helm says no.
        """
        # Helm makes a link; gone with it is the plugin, but not its environment beside it.
        (self.home / "data" / "plugins" / _PLUGIN.name).unlink(missing_ok=True)
        run_quietly([self.program, "plugin", "install", _PLUGIN], self.environment)

    def show(self, *arguments: str) -> int:
        """Run Helm with our own terminal and return its exit code."""
        return run_before_us([self.program, *arguments], self.environment)
