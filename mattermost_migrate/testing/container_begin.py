"""The first program in a container: lays out its root, goes in, gives up every right, and runs it.

Started by ``container.command_line`` in fresh namespaces; its one argument is what to do, as JSON.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

_READ_ONLY: Final = 0x1
_REMOUNT: Final = 0x20
_BIND: Final = 0x1000
_RECURSIVE: Final = 0x4000
_RELATIVE_TIME: Final = 0x200000
_PARENT_DEATH: Final = 1
#: Flags of a mount that a user namespace may not take away; statvfs spells all but the last alike.
_KEPT: Final = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Become the program; what cannot be done ends it with the reason."""
    told = json.loads(sys.argv[1])
    # The namespace is new, so the leash that the starter put on us is gone: put it on again.
    _libc.prctl(_PARENT_DEATH, signal.SIGKILL)
    root = Path("/mnt")
    _mount("tmpfs", root, "tmpfs", 0)
    for name in told["system"]:
        _show(Path(name), _inside(root, name), writable=False)
    _show(Path("/proc"), _inside(root, "/proc"), writable=True)
    _show(Path("/dev"), _inside(root, "/dev"), writable=True)
    _inside(root, "/var").mkdir(exist_ok=True)
    _inside(root, "/run").mkdir(exist_ok=True)
    _inside(root, "/var/run").symlink_to("/run")
    for mount in told["mounts"]:
        _provide(root, mount)
    _mount("", root, "", _REMOUNT | _BIND | _READ_ONLY | _kept(root))
    os.chroot(root)
    os.chdir(told["workdir"])
    # No capability, and none to be had again.
    without = ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]
    os.execve(  # noqa: S606 - to become another program is what this is for
        "/usr/bin/setpriv",
        ["setpriv", *without, *told["command"]],
        {"PATH": "/usr/local/bin:/usr/bin:/bin", **told["environment"]},
    )


def _provide(root: Path, mount: dict[str, Any]) -> None:
    target = _inside(root, mount["target"].replace("/var/run/", "/run/"))
    if mount["source"] is None:
        target.mkdir(parents=True, exist_ok=True)
        _mount("tmpfs", target, "tmpfs", 0)
    else:
        _show(Path(mount["source"]), target, writable=mount["writable"])


def _show(source: Path, target: Path, *, writable: bool) -> None:
    """Make something of the machine visible in the new root."""
    if source.is_symlink():
        if not target.is_symlink():
            target.symlink_to(source.readlink())
        return
    if not source.exists() or (target.exists() and any(target.iterdir())):
        return  # this machine has none, or it lies within what is shown already
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount(str(source), target, "", _BIND | _RECURSIVE)
    if not writable:
        _mount("", target, "", _REMOUNT | _BIND | _READ_ONLY | _kept(target))


def _kept(path: Path) -> int:
    flags = os.statvfs(path).f_flag
    return flags & _KEPT | (0 if flags & os.ST_NOATIME else _RELATIVE_TIME)


def _inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _mount(source: str, target: Path, kind: str, flags: int) -> None:
    done = _libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, None)
    if done:
        sys.exit(f"cannot mount {source or 'again'} at {target}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
