"""Every write of a migration, every fault, on a real control plane; and random schedules of them.

    python bench/faults.py --schedules 1000

Runs the enumeration beside the tests of ``make test`` and prints the record as JSON; exit code 1
when a promise was broken, with what and where (a schedule with its seed) on standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from origin import origin

ROOT: Final = Path(__file__).parents[1]
FAULTS: Final = ROOT / "tests" / "integration" / "migration" / "faults"
#: The second is a part of ``make test``, too.
PROVEN_BY: Final = (FAULTS / "enumeration.py", FAULTS / "test_leases_and_restarts.py")


def main() -> None:
    """Run it, and print the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=200, help="random ones")
    parser.add_argument("--seed", type=int, default=1000, help="the first of them")
    parser.add_argument("--only", default="", help="of the tests, as pytest -k takes it")
    given = parser.parse_args()
    head, began = origin(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        environment = {
            **os.environ,
            "MATTERMOST_MIGRATE_FAULTS_RECORD": str(record),
            "MATTERMOST_MIGRATE_SCHEDULES": str(given.schedules),
            "MATTERMOST_MIGRATE_SEED": str(given.seed),
        }
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            "--timeout=7200",
        ]
        only = ["-k", given.only] if given.only else []
        ended = subprocess.run(  # noqa: S603 - our own tests
            [*command, *only, *PROVEN_BY],
            cwd=ROOT,
            env=environment,
            stdout=sys.stderr,
            check=False,
        )
        proven = json.loads(record.read_text()) if record.exists() else []
    told = {
        **head,
        "proven": proven,
        "whole": ended.returncode == 0 and not given.only,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(told, indent=2))
    sys.exit(1 if ended.returncode else 0)


if __name__ == "__main__":
    main()
