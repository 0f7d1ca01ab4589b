"""Which programs there are, and what exactly each is built from. Nothing is run here."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MODULES", "RARE", "TOOLS", "Tool", "ToolError", "cache_folder", "go_needed"]

#: Where the Go modules lie: data of the checkout, not of the installed package.
MODULES: Final = Path(__file__).parents[3] / "deploy" / "tools"


class ToolError(Exception):
    """A program is missing and cannot be made; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and its recipe.

    Attributes:
        name: what the binary is called.
        module: its folder under ``deploy/tools``.
        package: the Go package with its ``main``.
        requires: the Go module whose version is the program's version.
        stamp: linker variables that tell the program its own version; ``{version}``,
            ``{major}`` and ``{minor}`` are filled in.
        stages: folders of the required module whose YAML files are kept beside the binary.
        tags: build tags, such as those that leave out what we do not use.
    """

    name: str
    module: str
    package: str
    requires: str
    stamp: Mapping[str, str]
    stages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder with its ``go.mod`` and ``go.sum``."""
        return MODULES / self.module

    @property
    def version(self) -> str:
        """The version its ``go.mod`` pins, such as ``v1.36.3``.

        Raises:
            ToolError: the module does not require what it should.
        """
        text = (self.folder / "go.mod").read_text()
        found = re.search(rf"^(?:require)?\s*{re.escape(self.requires)} (v\S+)", text, re.MULTILINE)
        if not found:
            raise ToolError(
                f"cannot build {self.name}: {self.folder}/go.mod pins no {self.requires}"
            )
        return found[1]

    @property
    def linker_flags(self) -> str:
        """What ``go build -ldflags`` gets: no symbol tables, and the version stamped in."""
        version = self.version
        major, minor, *_ = version.removeprefix("v").split(".")
        stamps = [
            f"-X {variable}={value.format(version=version, major=major, minor=minor)}"
            for variable, value in self.stamp.items()
        ]
        return " ".join(["-s", "-w", *stamps])

    @property
    def key(self) -> str:
        """Names one build for good: another source, flag or platform gives another key."""
        recipe = {
            "go.mod": (self.folder / "go.mod").read_text(),
            "go.sum": (self.folder / "go.sum").read_text(),
            "package": self.package,
            "ldflags": self.linker_flags,
            "stages": self.stages,
            "platform": [platform.system(), platform.machine()],
            **({"tags": self.tags} if self.tags else {}),
        }
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{self.version}-{digest[:12]}"


def _kubernetes(name: str) -> Tool:
    return Tool(
        name=name,
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        requires="k8s.io/kubernetes",
        stamp={
            "k8s.io/component-base/version.gitVersion": "{version}",
            "k8s.io/component-base/version.gitMajor": "{major}",
            "k8s.io/component-base/version.gitMinor": "{minor}",
        },
    )


def _helm(major: int) -> Tool:
    module = f"helm.sh/helm/v{major}"
    return Tool(
        name=f"helm{major}",
        module=f"helm{major}",
        package=f"{module}/cmd/helm",
        requires=module,
        stamp={f"{module}/internal/version.version": "{version}"},
    )


#: In the order of building: what a cluster needs first, first.
TOOLS: Final[Mapping[str, Tool]] = {
    tool.name: tool
    for tool in (
        Tool(
            name="etcd",
            module="etcd",
            package="go.etcd.io/etcd/server/v3",
            requires="go.etcd.io/etcd/server/v3",
            stamp={},
        ),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        _kubernetes("kubectl"),
        Tool(
            name="kwok",
            module="kwok",
            package="sigs.k8s.io/kwok/cmd/kwok",
            requires="sigs.k8s.io/kwok",
            stamp={"sigs.k8s.io/kwok/pkg/consts.Version": "{version}"},
            stages=(
                "kustomize/stage/node/fast",
                "kustomize/stage/node/heartbeat",
                "kustomize/stage/pod/fast",
            ),
        ),
        _helm(3),
        _helm(4),
    )
}

#: What one command of its own needs: not built with the others, as it takes minutes.
RARE: Final[Mapping[str, Tool]] = {
    "promtool": Tool(
        name="promtool",
        module="promtool",
        package="github.com/prometheus/prometheus/cmd/promtool",
        requires="github.com/prometheus/prometheus",
        stamp={"github.com/prometheus/common/version.Version": "{version}"},
        tags=("remove_all_sd",),  # service discovery of every cloud
    )
}


def go_needed() -> tuple[int, ...]:
    """The lowest Go version that every module accepts, from their ``go`` lines."""
    lines = [
        found[1]
        for tool in (*TOOLS.values(), *RARE.values())
        if (found := re.search(r"^go (\S+)", (tool.folder / "go.mod").read_text(), re.MULTILINE))
    ]
    return max(tuple(int(part) for part in line.split(".")) for line in lines)


def cache_folder() -> Path:
    """Where builds are kept: ``MATTERMOST_MIGRATE_CACHE``, or the user's cache folder."""
    if chosen := os.environ.get("MATTERMOST_MIGRATE_CACHE"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "mattermost-migrate"
