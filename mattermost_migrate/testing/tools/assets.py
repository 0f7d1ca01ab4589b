"""Binaries that someone has already: those of ``KUBEBUILDER_ASSETS``, where their version suits."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Final

from mattermost_migrate.testing.tools.catalogue import Tool

__all__ = ["offered"]

#: How each program is asked for its version.
_QUESTIONS: Final = {
    "etcd": ("--version",),
    "kube-apiserver": ("--version",),
    "kubectl": ("version", "--client"),
}


def offered(tool: Tool) -> Path | None:
    """The ready binary in ``KUBEBUILDER_ASSETS`` whose minor version is the pinned one's."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if not folder or tool.name not in _QUESTIONS:
        return None
    binary = Path(folder) / tool.name
    if not os.access(binary, os.X_OK) or _minor(_told(binary, tool)) != _minor(tool.version):
        return None
    return binary


def _told(binary: Path, tool: Tool) -> str:
    asked = subprocess.run(  # noqa: S603 - the user named this folder for us to run
        [binary, *_QUESTIONS[tool.name]], capture_output=True, text=True, check=False
    )
    return asked.stdout


def _minor(text: str) -> str | None:
    found = re.search(r"(\d+\.\d+)\.\d+", text)
    return found[1] if found else None
