"""The image as its Dockerfile builds it: what is in it, and that each process starts in it.

There is no container engine here. The Dockerfile's own commands run in namespaces at the paths they
will have; the base image's Python is the machine's.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from mattermost_migrate.testing.container import Container, Mount, command_line
from mattermost_migrate.testing.image import Image

PROGRAMS = (
    "mattermost-migrate",
    "mattermost-migrate-certs",
    "mattermost-migrate-controller",
    "mattermost-migrate-webhook",
)
LISTED = """
import importlib.metadata as m, json
ours = ["mattermost_migrate", "webhook", "controller", "certs", "helm_mattermost_migrate"]
found = m.packages_distributions()
print(json.dumps({name: found[name] for name in ours}))
"""


def run(image: Image, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    container = Container(
        command=command,
        environment={**image.environment, **environment},
        mounts=(*image.mounts, Mount(None, "/tmp", writable=True)),
        user=image.user,
        network=False,
    )
    return subprocess.run(  # noqa: S603 - what we built
        command_line(container), check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_process_starts(image: Image, program: str) -> None:
    done = run(image, program, "--help")

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_a_process_without_a_cluster_says_so_in_one_line(image: Image) -> None:
    done = run(image, "mattermost-migrate-controller")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no cluster is known" in done.stderr


def test_it_is_nobody_and_can_write_nothing_but_tmp(image: Image) -> None:
    script = "id -u; for place in / /opt/mattermost-migrate /usr /etc; do touch $place/x; done"

    done = run(image, "sh", "-c", f"{script}; touch /tmp/x && grep CapBnd /proc/self/status")

    assert done.stdout.split() == ["65532", "CapBnd:", "0000000000000000"]
    assert done.stderr.count("Read-only file system") == 4


def test_it_holds_our_packages_from_our_wheel_and_no_installer(image: Image) -> None:
    found = run(image, "python", "-c", LISTED)
    pip = run(image, "/opt/mattermost-migrate/bin/python", "-m", "pip", "--version")

    assert set(map(tuple, json.loads(found.stdout).values())) == {("mattermost-migrate",)}
    assert pip.returncode == 1
