"""Packs the plugin with everything it needs, so that it is installed without a package index.

Makes two things in the folder that is named: ``mattermost-migrate/``, which Helm 3.18 and later and
Helm 4 install as a folder or from a git repository, and the archive of the same for Helm 4, with
that major's own plugin.yaml and, where a key is named, its signature beside it (``.prov``). The
signature is GnuPG's, over the plugin.yaml and the digest of the archive, as ``helm plugin verify``
wants it; no Helm is needed to make it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "helm-plugin"
NAME: Final = "mattermost-migrate"
#: What is shipped as it stands in the repository; the package itself comes as a wheel.
_FILES: Final = ("plugin.yaml", "plugin.complete", "completion.yaml", "bin", "scripts")
_PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet")
_USUAL: Final = ("3.11", "3.12", "3.13", "3.14")


class PackageError(Exception):
    """It could not be packed; says why."""


def main() -> None:
    """Read the command line, pack, and say what was made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=ROOT / "dist", metavar="FOLDER")
    parser.add_argument("--key", help="sign the archive with this GnuPG key")
    parser.add_argument(
        "--gnupg-home", type=Path, help="where the key is, if not in the usual place"
    )
    parser.add_argument(
        "--python", action="append", help=f"Python to pack for (default: {', '.join(_USUAL)})"
    )
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        help="pip's name of a platform to pack for (default: this machine's)",
    )
    options = parser.parse_args()
    try:
        folder = stage(options.into, options.python or _USUAL, options.platform)
        archive = pack(folder, options.into)
        print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
        if options.key:
            print(sign(archive, options.key, options.gnupg_home))
    except PackageError as error:
        sys.exit(f"package: {error}")


def stage(into: Path, pythons: Sequence[str], platforms: Sequence[str]) -> Path:
    """The plugin's folder with its wheels.

    Args:
        into: where to make it.
        pythons: versions of Python to bring wheels for.
        platforms: pip's names; none is this machine's own.
    """
    folder = into / NAME
    shutil.rmtree(folder, ignore_errors=True)
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    for name in _FILES:
        copy = shutil.copytree if (SOURCE / name).is_dir() else shutil.copy2
        copy(SOURCE / name, folder / name)
    shutil.copy2(ROOT / "LICENSE", folder)
    for python in pythons:
        _download(wheels, python, platforms)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT))
    (wheels / "requirements.txt").write_text("\n".join(_requirements(wheels)) + "\n")
    return folder


def _download(wheels: Path, python: str, platforms: Sequence[str]) -> None:
    """The locked packages as wheels, verified by the hashes of the lock file."""
    _pip(
        "download",
        *("--dest", str(wheels), "--only-binary", ":all:", "--require-hashes", "--no-deps"),
        *("--python-version", python, "-r", str(ROOT / "requirements" / "runtime.txt")),
        *(word for each in platforms for word in ("--platform", each)),
    )


def _requirements(wheels: Path) -> Iterator[str]:
    """The lock file, and the wheel that was just made, by its hash."""
    yield (ROOT / "requirements" / "runtime.txt").read_text().rstrip("\n")
    ours = next(wheels.glob("mattermost_migrate-*.whl"))
    version = ours.name.split("-")[1]
    yield f"{NAME}=={version} --hash=sha256:{hashlib.sha256(ours.read_bytes()).hexdigest()}"


def _pip(*words: str) -> None:
    done = subprocess.run([*_PIP, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"pip {words[0]}: {done.stderr.strip()}")


def pack(folder: Path, into: Path) -> Path:
    """The archive for Helm 4: folders before files, no links, the same bytes each time."""
    legacy = yaml.safe_load((folder / "plugin.yaml").read_text())
    archive = into / f"{NAME}-{legacy['version']}.tgz"
    manifest = yaml.safe_dump(modern(legacy), sort_keys=False).encode()
    with (
        archive.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
        tempfile.NamedTemporaryFile() as fresh,
    ):
        fresh.write(manifest)
        fresh.flush()
        for path in [folder, *sorted(folder.rglob("*"))]:
            within = Path(NAME) / path.relative_to(folder)
            source = Path(fresh.name) if path == folder / "plugin.yaml" else path
            tar.add(source, arcname=str(within), recursive=False, filter=_plain)
    return archive


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs from one machine to the next."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def modern(legacy: dict[str, Any]) -> dict[str, Any]:
    """Helm 4's plugin.yaml, from the one that both majors read."""
    return {
        "apiVersion": "v1",
        "name": legacy["name"],
        "version": legacy["version"],
        "type": "cli/v1",
        "runtime": "subprocess",
        "config": {
            "usage": legacy["name"],
            "shortHelp": legacy["usage"],
            "longHelp": legacy["description"],
            "ignoreFlags": legacy["ignoreFlags"],
        },
        "runtimeConfig": {
            "platformCommand": legacy["platformCommand"],
            "platformHooks": legacy["platformHooks"],
        },
    }


def sign(archive: Path, key: str, home: Path | None) -> Path:
    """The archive's provenance file, clear-signed."""
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile(f"{NAME}/plugin.yaml")
        if manifest is None:
            raise PackageError(f"{archive}: it has no plugin.yaml")
        text = manifest.read().decode()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    told = f"{text}\n...\nfiles:\n  {archive.name}: sha256:{digest}\n"
    program = shutil.which("gpg")
    if program is None:
        raise PackageError("to sign, gpg is needed: install GnuPG")
    done = subprocess.run(
        [
            program,
            *(("--homedir", str(home)) if home else ()),
            *("--batch", "--yes", "--local-user", key, "--digest-algo", "SHA512", "--clearsign"),
        ],
        input=told.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise PackageError(f"gpg: {done.stderr.decode().strip()}")
    provenance = archive.with_name(f"{archive.name}.prov")
    provenance.write_bytes(done.stdout)
    return provenance


if __name__ == "__main__":
    main()
