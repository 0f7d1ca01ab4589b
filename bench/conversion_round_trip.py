"""A million installations there and back: `python bench/conversion_round_trip.py`.

Made by seed after the ClusterInstallation CRD's own schema. Prints one JSON document; exits with 1
if a single one crashed, or came back with one byte different. The last recorded run stands in
conversion_round_trip.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import Any

from origin import origin

from mattermost_migrate.domain.conversion import convert, original, restore
from mattermost_migrate.domain.errors import RefusedError
from mattermost_migrate.domain.objects import Existing
from mattermost_migrate.testing import crd

NOTHING = Existing()


def exact(value: Any) -> str:
    """The value's one text, to compare bytes."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def there_and_back(installation: dict[str, Any], clock: Clock) -> str:
    """What became of it: converted, refused, lost or crashed."""
    try:
        with clock:
            converted = convert(installation, NOTHING, assume_external=True)
        restored = restore(converted.mattermost)
        return "converted" if exact(restored) == exact(original(installation)) else "lost"
    except RefusedError:
        return "refused"
    except Exception:  # noqa: BLE001 - a crash is a result here
        return "crashed"


class Clock:
    """Adds up the seconds spent inside of it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


def main() -> int:
    """Run, report, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = origin()
    spec = crd.schema("ClusterInstallation")
    generator = crd.Generator(options.seed)
    outcomes: Counter[str] = Counter(converted=0, refused=0, lost=0, crashed=0)
    clock = Clock()
    for _ in range(options.count):
        made = {**generator.make(spec), "ingressName": "chat.example.com"}
        metadata = {"name": "acme", "namespace": "ns"}
        outcomes[there_and_back({"metadata": metadata, "spec": made}, clock)] += 1
    mean = round(clock.seconds / options.count * 1000, 3)
    report = {
        **began,
        "seed": options.seed,
        "count": options.count,
        **outcomes,
        "convertMilliseconds": mean,
    }
    print(json.dumps(report, indent=2))
    # Who refused everything would lose nothing.
    few = outcomes["converted"] < options.count / 2
    return 1 if few or outcomes["lost"] or outcomes["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
