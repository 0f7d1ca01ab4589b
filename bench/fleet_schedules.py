"""A million schedules of fleets on a simulated clock: `python bench/fleet_schedules.py`.

Ends, failures, refusals, edits, deletions, pauses and fail-overs in any order, members turned round
by another hand, or stopped half-way; a judge with books of its own checks every start. Prints one
JSON document; exits with 1 if a rule was broken. The last recorded run stands in
fleet_schedules.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from mattermost_migrate.testing.fleet_schedules import BrokenRuleError, run

sys.path.insert(0, str(Path(__file__).parent))
from origin import origin

_CHUNK = 1000


def chunk(first: int) -> tuple[int, int, list[str]]:
    """Play a thousand schedules: how many ended, how many starts there were, what was broken."""
    starts, broken = 0, []
    for seed in range(first, first + _CHUNK):
        try:
            starts += run(seed).starts
        except BrokenRuleError as problem:
            broken.append(str(problem))
    return _CHUNK - len(broken), starts, broken


def main() -> int:
    """Run, report, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed: to run it in parts")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    head, began = origin(), time.monotonic()
    with ProcessPoolExecutor(options.processes) as pool:
        seeds = range(options.first, options.first + options.count, _CHUNK)
        outcomes = list(pool.map(chunk, seeds))
    broken = [problem for *_, problems in outcomes for problem in problems]
    report = {
        **head,
        "firstSeed": options.first,
        "schedules": sum(good for good, *_ in outcomes) + len(broken),
        "starts": sum(starts for _, starts, _ in outcomes),
        "broken": len(broken),
        "examples": broken[:5],
        "seconds": round(time.monotonic() - began),
        "processes": options.processes,
    }
    print(json.dumps(report, indent=2))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
