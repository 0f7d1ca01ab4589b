"""What a release needs besides the tests: one version everywhere, and everything packed.

python deploy/release.py check v0.1.0    # the tag is the version of package, plugin and chart
python deploy/release.py pack dist       # wheel, chart and plugin
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

import yaml

from mattermost_migrate.testing.tools import ready

ROOT: Final = Path(__file__).parents[1]
_NAME: Final = "mattermost-migrate"


def versions(root: Path = ROOT) -> dict[str, str]:
    """The version that each part says it has, by file and field."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    chart = yaml.safe_load((root / "deploy" / "chart" / "Chart.yaml").read_text())
    plugin = yaml.safe_load((root / "helm-plugin" / "plugin.yaml").read_text())
    return {
        "pyproject.toml: project.version": project["project"]["version"],
        "deploy/chart/Chart.yaml: version": chart["version"],
        "deploy/chart/Chart.yaml: appVersion": chart["appVersion"],
        "helm-plugin/plugin.yaml: version": plugin["version"],
    }


def faults(tag: str, found: dict[str, str]) -> list[str]:
    """Each part whose version is not the tag's."""
    return [
        f"{where} is {version}, and the tag is {tag}"
        for where, version in found.items()
        if f"v{version}" != tag
    ]


def pack(into: Path) -> None:
    """Build wheel, chart and plugin into a folder.

    Wheel and chart by their own tools; the plugin with its dependencies, for those who have no
    package index (``deploy/package_plugin.py``). Its staged folder does not stay: what is in there
    is published.
    """
    into.mkdir(parents=True, exist_ok=True)
    into = into.absolute()
    wheel = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    chart = [str(ready(["helm4"])["helm4"]), "package", "deploy/chart"]
    plugin = [sys.executable, "deploy/package_plugin.py", "--into"]
    subprocess.run([*wheel, "--directory", str(into)], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as stage:
        # Helm names the chart's archive as the plugin's; of the two, only a plugin's name matters.
        subprocess.run([*chart, "--destination", stage], cwd=ROOT, check=True)
        (archive,) = Path(stage).glob("*.tgz")
        shutil.move(archive, into / told_apart(archive.name))
        subprocess.run([*plugin, stage], cwd=ROOT, check=True)
        (archive,) = Path(stage).glob("*.tgz")
        shutil.move(archive, into)


def told_apart(archive: str) -> str:
    """The name of the chart's archive that is no plugin's."""
    return f"{_NAME}-chart-{archive.removeprefix(f'{_NAME}-')}"


def main(arguments: list[str]) -> int:
    """Check or pack; returns the exit code."""
    match arguments:
        case ["check", tag]:
            wrong = faults(tag, versions())
            print("\n".join(wrong) or f"everything is {tag}")
            return bool(wrong)
        case ["pack", folder]:
            pack(Path(folder))
            return 0
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
