"""The proofs of bench/ in small, as commands: what they print is what is recorded there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mattermost_migrate.testing.tools import Toolbox

ROOT = Path(__file__).parents[3]


def test_no_call_is_lost_while_certificates_rotate_and_replicas_restart(tools: Toolbox) -> None:
    few = ["--leaves=2", "--authorities=1", "--restarts=1"]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "bench/webhook_rotation.py", *few],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    for part in ("leafRotations", "authorityRotations", "rollingRestarts"):
        assert found[part]["failed"] == 0
        assert found[part]["calls"] > 100
