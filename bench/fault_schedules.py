"""Random schedules of faults on the simulated cluster, as many as wanted; prints what broke.

    python bench/fault_schedules.py --count 10000

Exit code 1 when a schedule broke a promise; its seed is all that is needed to see it again
(``--first SEED --count 1``).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from mattermost_migrate.testing.fault_schedules import run


def main() -> None:
    """Run them on every core, and print the record as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    began = time.monotonic()
    seeds = range(given.first, given.first + given.count)
    with ProcessPoolExecutor() as pool:
        told = dict(zip(seeds, pool.map(run, seeds, chunksize=50), strict=True))
    broken = {seed: problems for seed, problems in told.items() if problems}
    record = {
        "schedules": given.count,
        "first_seed": given.first,
        "broken": broken,
        "seconds": round(time.monotonic() - began, 1),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - git on PATH
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip(),
    }
    print(json.dumps(record, indent=2))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
