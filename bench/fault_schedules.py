"""Random schedules of faults on the simulated cluster, as many as wanted; prints what broke.

    python bench/fault_schedules.py --count 10000

So many by each strategy. Exit code 1 when a schedule broke a promise; strategy and seed are all
that is needed to see it again (``--strategy Recreate --first SEED --count 1``).
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from origin import origin

from mattermost_migrate.domain.names import Strategy
from mattermost_migrate.testing.fault_schedules import run


def main() -> None:
    """Run them on every core, and print the record as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--strategy", choices=[*Strategy], help="one of them only")
    given = parser.parse_args()
    began = origin()
    seeds = range(given.first, given.first + given.count)
    strategies = [Strategy(given.strategy)] if given.strategy else [*Strategy]
    results = {str(strategy): _played(seeds, strategy) for strategy in strategies}
    record = {**began, "firstSeed": given.first, **results}
    print(json.dumps(record, indent=2))
    sys.exit(any(result["broken"] for result in results.values()))


def _played(seeds: range, strategy: Strategy) -> dict[str, Any]:
    began = time.monotonic()
    with ProcessPoolExecutor() as pool:
        told = pool.map(functools.partial(run, strategy=strategy), seeds, chunksize=50)
        broken = {seed: problems for seed, problems in zip(seeds, told, strict=True) if problems}
    return {
        "schedules": len(seeds),
        "broken": broken,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    main()
