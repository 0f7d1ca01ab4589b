"""``make alerts``: Prometheus' own tool on our alerts, their tests, and the dashboard's queries.

It is built from its Go module the first time, which takes minutes: so this is no part of the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.reference.dashboard import queries
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.tools.__main__ import Screen

ROOT: Final = Path(__file__).parents[1]
ALERTS: Final = ROOT / "deploy" / "chart" / "files" / "alerts.yaml"
TESTS: Final = ROOT / "tests" / "data" / "alerts" / "alerts.test.yaml"


def main() -> int:
    """Check and test; returns 1 when anything is wrong."""
    with Screen() as screen:
        promtool = ready(["promtool"], progress=screen)["promtool"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for file in (ALERTS, TESTS):
            shutil.copy(file, place)
        # A query is checked as what records it; Grafana's own variables stand for durations.
        rules = [
            {"record": f"query_{number}", "expr": re.sub(r"\$__\w+", "5m", query)}
            for number, query in enumerate(queries())
        ]
        recorded = {"groups": [{"name": "dashboard", "rules": rules}]}
        (place / "dashboard.yaml").write_text(json.dumps(recorded))
        checks = ("check", "rules", "alerts.yaml", "dashboard.yaml"), ("test", "rules", TESTS.name)
        return max(
            subprocess.run([promtool, *words], cwd=place, check=False).returncode
            for words in checks
        )


if __name__ == "__main__":
    sys.exit(main())
