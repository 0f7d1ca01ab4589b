"""Carries out a Dockerfile without an engine: every COPY and RUN as written, in containers of ours.

What it cannot show is the base image: Python and the system are this machine's. All else is what
``docker build`` does: the same commands, at the same paths, with files of earlier stages only.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mattermost_migrate.testing.container import Container, Mount, command_line

__all__ = ["BuildError", "Image", "Stage", "build", "stages"]

#: Where pip's cache is, for whoever has one.
_CACHE: Final = Path(os.environ.get("PIP_CACHE_DIR") or Path.home() / ".cache" / "pip")
_IGNORED: Final = shutil.ignore_patterns("__pycache__")


class BuildError(Exception):
    """A step failed; the message shows the step and what it said."""


@dataclass(slots=True)
class Stage:
    """One stage of a Dockerfile.

    Attributes:
        name: after ``AS``; empty for the last one.
        base: what stands behind ``FROM``.
        steps: every other instruction, and its text.
    """

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def texts(self, instruction: str) -> list[str]:
        """The texts of one instruction, in order."""
        return [text for word, text in self.steps if word == instruction]


@dataclass(frozen=True, slots=True)
class Image:
    """What was built.

    Attributes:
        root: the folder that holds what the last stage copied.
        environment: its ``ENV``.
        user: its numeric ``USER``.
    """

    root: Path
    environment: Mapping[str, str]
    user: int

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """The image's own files, for a container."""
        return tuple(_mounts(self.root, writable=False))


def stages(dockerfile: str) -> list[Stage]:
    """Read a Dockerfile; knows what ours says, and no more."""
    found: list[Stage] = []
    for word, text in _instructions(dockerfile):
        if word == "FROM":
            base, _, name = text.partition(" AS ")
            found.append(Stage(name, base))
        elif found:
            found[-1].steps.append((word, text))
    return found


def build(dockerfile: Path, context: Path, scratch: Path, *, online: frozenset[str]) -> Image:
    """Carry out every stage in order.

    Args:
        dockerfile: the file.
        context: the folder that COPY takes from.
        scratch: an empty folder to build in.
        online: the names of the stages that may use the network.

    Raises:
        BuildError: a step failed.
    """
    python = scratch / "python"
    _python(python)
    roots: dict[str, Path] = {}
    read = stages(dockerfile.read_text())
    for number, stage in enumerate(read):
        root = roots[stage.name] = scratch / (stage.name or f"stage-{number}")
        root.mkdir()
        _carry_out(stage, root, python, context, roots, network=stage.name in online)
    last = read[-1]
    (user,) = last.texts("USER")
    words = [word for text in last.texts("ENV") for word in shlex.split(text)]
    environment = dict(word.split("=", 1) for word in words)
    return Image(roots[last.name], environment, int(user.split(":")[0]))


def _python(folder: Path) -> None:
    """An environment with pip, like the base image's."""
    made = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-m", "venv", "--copies", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise BuildError(f"no environment: {made.stderr}")


def _carry_out(
    stage: Stage,
    root: Path,
    python: Path,
    context: Path,
    roots: Mapping[str, Path],
    *,
    network: bool,
) -> None:
    workdir = "/"
    for word, text in stage.steps:
        if word == "WORKDIR":
            workdir = text
            (root / text.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            _copy(text, root, workdir, context, roots)
        elif word == "RUN":
            _run(text, root, workdir, python, network=network)


def _copy(text: str, root: Path, workdir: str, context: Path, roots: Mapping[str, Path]) -> None:
    words = shlex.split(text)
    if words[0].startswith("--from="):
        context = roots[words.pop(0).removeprefix("--from=")]
    *sources, target = words
    into = root / os.path.join(workdir, target).lstrip("/")  # noqa: PTH118 - an absolute target wins
    for source in (context / word.lstrip("/") for word in sources):
        if source.is_dir():
            # Links stay links, as they point to where the files will be.
            shutil.copytree(source, into, symlinks=True, dirs_exist_ok=True, ignore=_IGNORED)
        else:
            file = into / source.name if target.endswith("/") or len(sources) > 1 else into
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, file)


def _run(text: str, root: Path, workdir: str, python: Path, *, network: bool) -> None:
    for new in ("wheels", "opt"):  # a RUN may make folders; these are the ones that ours makes
        (root / new).mkdir(exist_ok=True)
    container = Container(
        command=["sh", "-c", text],
        environment={
            "PATH": f"{python}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",  # noqa: S108 - in the container
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            "PIP_CACHE_DIR": str(_CACHE),
        },
        mounts=(
            *_mounts(root, writable=True),
            Mount(None, "/tmp", writable=True),  # noqa: S108 - in the container
            Mount(python, str(python), writable=True),
            Mount(_CACHE, str(_CACHE), writable=True),
        ),
        workdir=workdir,
        network=network,
    )
    done = subprocess.run(  # noqa: S603 - the Dockerfile's own words
        command_line(container), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise BuildError(f"RUN {text}\n{done.stdout}{done.stderr}")


def _mounts(root: Path, *, writable: bool) -> Iterator[Mount]:
    """Each folder of a stage, where it will be."""
    for folder in sorted(root.iterdir()):
        yield Mount(folder, f"/{folder.name}", writable=writable)


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    joined = dockerfile.replace("\\\n", " ")
    for line in joined.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            word, _, text = line.strip().partition(" ")
            yield word, " ".join(text.split())
