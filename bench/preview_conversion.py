"""A million stored ClusterInstallations shown and put back: `python bench/preview_conversion.py`.

Half of them as the CRD's schema has them, half of them worse (`testing/spoiled.py`). Prints one
JSON document; exits with 1 if a single one crashed, was refused though it could be shown, or came
back different. The last recorded run stands in preview_conversion.json.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from typing import Any

from origin import origin

from mattermost_migrate.domain.conversion.versions import RECORD, to_preview, to_stored
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.testing.spoiled import Spoiler

OUTCOMES = ("converted", "shownEmpty", "readOnly", "guessed", "lost", "crashed")


def exact(obj: dict[str, Any]) -> str:
    """The object's one text; no annotations are as good as none."""
    metadata = dict(obj["metadata"])
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)
    return json.dumps({**obj, "metadata": metadata}, sort_keys=True)


def there_and_back(stored: dict[str, Any], spent: list[float]) -> str:
    """What became of it: one of the words that are counted."""
    try:
        began = time.process_time()
        shown = to_preview(stored)
        spent[0] += time.process_time() - began
        json.dumps(shown)
        record = shown["metadata"].get("annotations", {}).get(RECORD, "")
        if '"lost":true' in record:
            return "readOnly" if refused(shown) else "guessed"
        began = time.process_time()
        again = to_stored(shown)
        spent[1] += time.process_time() - began
    except Exception:  # noqa: BLE001 - a crash is a result here
        return "crashed"
    if exact(again) != exact(stored):
        return "lost"
    return "shownEmpty" if '"whole":' in record else "converted"


def refused(shown: dict[str, Any]) -> bool:
    """Whether a write of it would be refused."""
    try:
        to_stored(shown)
    except RefusedError:
        return True
    return False


def share(work: tuple[int, int]) -> tuple[Counter[str], list[float]]:
    """One process's part: how many, and from which seed."""
    count, seed = work
    spoiler, outcomes, spent = Spoiler(seed), Counter(dict.fromkeys(OUTCOMES, 0)), [0.0, 0.0]
    for _ in range(count):
        outcomes[there_and_back(spoiler.make(), spent)] += 1
    return outcomes, spent


def main() -> int:
    """Run, report, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    began, each = origin(), options.count // options.processes
    outcomes, spent = Counter(dict.fromkeys(OUTCOMES, 0)), [0.0, 0.0]
    with multiprocessing.Pool(options.processes) as pool:
        work = [(each, options.seed + number) for number in range(options.processes)]
        for found, seconds in pool.imap_unordered(share, work):
            outcomes.update(found)
            spent = [total + more for total, more in zip(spent, seconds, strict=True)]
    count = each * options.processes
    report = {
        **began,
        "seeds": [seed for _, seed in work],
        "count": count,
        **outcomes,
        "toPreviewMilliseconds": round(spent[0] / count * 1000, 3),
        "toStoredMilliseconds": round(spent[1] / count * 1000, 3),
    }
    print(json.dumps(report, indent=2))
    # Who showed nothing would lose nothing.
    few = outcomes["converted"] < count / 4
    return 1 if few or outcomes["guessed"] or outcomes["lost"] or outcomes["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
