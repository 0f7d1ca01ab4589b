"""The plugin as it is published: a signed archive, and a folder; neither asks a package index."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattermost_migrate.testing.tools import Toolbox

from .conftest import Helm

#: Three installs by pip of some forty packages, on a machine that may be busy.
pytestmark = pytest.mark.timeout(900)

SCRIPT = Path(__file__).parents[3] / "deploy" / "package_plugin.py"
NAME = "mattermost-migrate"
KEY = "away@example.com"
#: A package index that nobody serves: whoever asks one fails.
OFFLINE = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_CONFIG_FILE": os.devnull}


def gpg(home: Path, *words: str) -> bytes:
    program = shutil.which("gpg")
    assert program, "gpg is needed to sign: install the package gnupg"
    done = subprocess.run(  # noqa: S603 - the system's own
        [program, "--homedir", str(home), "--batch", "--quiet", *words],
        check=True,
        capture_output=True,
    )
    return done.stdout


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A GnuPG home with a key of no value, and the keyring Helm reads."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    gpg(home, "--passphrase", "", "--quick-generate-key", KEY, "rsa2048", "sign", "never")
    ring = home / "pubring.gpg"
    ring.write_bytes(gpg(home, "--export"))
    yield ring
    subprocess.run(  # noqa: S603 - ends the agent that gpg started
        [str(shutil.which("gpgconf")), "--homedir", str(home), "--kill", "all"], check=True
    )


@pytest.fixture(scope="session")
def dist(keyring: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make package`` makes, for the Python that runs this."""
    into = tmp_path_factory.mktemp("dist")
    done = subprocess.run(  # noqa: S603 - our own script
        [
            *(sys.executable, str(SCRIPT), "--into", str(into)),
            *("--python", ".".join(platform.python_version_tuple()[:2])),
            *("--key", KEY, "--gnupg-home", str(keyring.parent)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return into


@pytest.fixture
def archive(dist: Path) -> Path:
    (found,) = dist.glob("*.tgz")
    return found


@pytest.fixture
def helm4(tools: Toolbox, tmp_path: Path) -> Helm:
    return Helm(tools["helm4"], tmp_path / "helm", tmp_path / "none")


def test_the_signed_archive_is_verified_and_installed_without_an_index(
    helm4: Helm, archive: Path, keyring: Path
) -> None:
    verified = helm4("plugin", "verify", str(archive), "--keyring", str(keyring))
    assert verified.returncode == 0, verified.stderr
    assert f"Signed by: {KEY}" in verified.stdout

    installed = helm4("plugin", "install", str(archive), "--keyring", str(keyring), **OFFLINE)
    assert installed.returncode == 0, installed.stderr
    listed = helm4("plugin", "list").stdout.splitlines()[1].split()
    assert listed[0] == NAME
    assert {"cli/v1", "v1", "signed"} <= set(listed)
    environment = helm4.plugins / NAME / ".venv"
    assert (environment / ".stamp").is_file()
    shown = helm4(NAME, "version", "--client")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert helm4(NAME, "status", "--bogus").returncode == 4

    removed = helm4("plugin", "uninstall", NAME)
    assert removed.returncode == 0, removed.stderr
    assert not (helm4.plugins / NAME).exists()


def test_an_archive_that_was_tampered_with_is_refused(
    helm4: Helm, archive: Path, keyring: Path, tmp_path: Path
) -> None:
    copy = tmp_path / archive.name
    copy.write_bytes(archive.read_bytes() + b"\0")
    shutil.copy(f"{archive}.prov", tmp_path)

    installed = helm4("plugin", "install", str(copy), "--keyring", str(keyring))

    assert installed.returncode != 0
    assert not (helm4.plugins / NAME).exists()


@pytest.mark.parametrize(
    ("major", "unverified"),
    # Helm 4 cannot verify a repository, and wants to be told that it need not.
    [("helm3", ()), ("helm4", ("--verify=false",))],
)
def test_an_install_from_git_is_updated(
    tools: Toolbox, major: str, unverified: tuple[str, ...], dist: Path, tmp_path: Path
) -> None:
    helm = Helm(tools[major], tmp_path / "helm", tmp_path / "none")
    origin = tmp_path / NAME
    shutil.copytree(dist / NAME, origin)
    commit(origin, "first")
    refused = helm(
        *("plugin", "install", f"file://{origin}", *unverified), MATTERMOST_MIGRATE_PYTHON="/none"
    )
    assert refused.returncode != 0
    assert "/none is no Python 3.11 or newer" in refused.stderr
    assert list(helm.plugins.iterdir()) == []
    installed = helm("plugin", "install", f"file://{origin}", *unverified, **OFFLINE)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    # Of the first environment: its inode may be given to the second one as well.
    (environment_of(helm) / "first").touch()

    unchanged = helm("plugin", "update", NAME, **OFFLINE)
    assert (unchanged.returncode, "installing" in unchanged.stderr) == (0, False), unchanged.stderr
    assert (environment_of(helm) / "first").exists()

    manifest = origin / "plugin.yaml"
    manifest.write_text(manifest.read_text().replace("version: 0.", "version: 7."))
    commit(origin, "second")
    updated = helm("plugin", "update", NAME, **OFFLINE)

    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert helm("plugin", "list").stdout.splitlines()[1].split()[1].startswith("7.")
    assert not (environment_of(helm) / "first").exists()
    assert helm(NAME, "version", "--client").returncode == 0
    assert not list(environment_of(helm).parent.glob("*.venv.*"))
    assert helm("plugin", "uninstall", NAME).returncode == 0
    assert list(helm.plugins.iterdir()) == []


def environment_of(helm: Helm) -> Path:
    """Helm 3 and 4 keep a clone in a folder of their own naming, behind a link."""
    found = [*helm.plugins.glob("*/.venv/bin/python"), *helm.plugins.glob("*.venv/bin/python")]
    assert len(found) == 1
    return found[0].parents[1]


def commit(folder: Path, message: str) -> None:
    git = ("git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com")
    steps = (("init", "-q"), ("add", "-A"), ("commit", "-qm", message))
    for words in steps:
        subprocess.run([*git, *words], check=True, capture_output=True)  # noqa: S603 - git
