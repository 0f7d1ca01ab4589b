"""Helm with a home of its own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Helm:
    """One major of Helm with a home of its own."""

    binary: Path
    home: Path
    kubeconfig: Path

    def __call__(
        self, *arguments: str, piped: str = "", **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with variables of ``extra``, and ``piped`` as its standard input."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HELM_")}
        homes = {
            f"HELM_{kind}_HOME": str(self.home / kind.lower())
            for kind in ("DATA", "CONFIG", "CACHE")
        }
        return subprocess.run(  # noqa: S603 - the Helm that was built for this
            [self.binary, *arguments],
            env={**kept, **homes, "KUBECONFIG": str(self.kubeconfig), **extra},
            input=piped,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    @property
    def plugins(self) -> Path:
        return self.home / "data" / "plugins"
