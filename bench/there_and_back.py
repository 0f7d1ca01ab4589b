"""A hundred times there and back with one installation: `python bench/there_and_back.py`.

On a control plane of its own, with the controller as it ships. Afterwards every object of the
namespace is compared with what it was before the first round; all that happened in between is
judged by the rules of a witness. Prints one JSON document; exits with 1 if anything differs or if
anybody could have noticed. The last recorded run stands in there_and_back.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from origin import origin

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    NAMESPACE,
    SECRET,
)
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import Client, Cluster, LocalCluster, Options
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.traces import differences, traces
from mattermost_migrate.testing.witness import Witness

CRDS = Path(__file__).parents[1] / "deploy" / "crds"
HOME = "mattermost-migrate"


def start(cluster: Cluster) -> None:
    """The controller as it ships, being the operator too."""
    cluster.admin.create(NAMESPACE, None, {"metadata": {"name": HOME}})
    command = [sys.executable, "-m", "controller", "--operator", "builtin", "--namespace", HOME]
    cluster.run("controller", command, KUBECONFIG=str(cluster.kubeconfig))


def rounds(here: Installations, count: int) -> dict[str, Any]:
    """Go there and back so many times; what changed, who could have noticed, how long it took."""
    before, workload = traces(here.admin, here.namespace), here.workload()
    since, seconds, writes = here.witness.now(), [], []
    for _ in range(count):
        for kind in (MATTERMOST, CLUSTER_INSTALLATION):
            began = time.monotonic()
            here.move("acme", kind=kind.kind)
            seconds.append(time.monotonic() - began)
            writes.append(here.get(INSTALLATION_MIGRATION, "acme")["status"]["apiWrites"])
            here.until_whole(kind, "acme")
    return {
        "differences": list(differences(before, traces(here.admin, here.namespace))),
        "harms": [str(harm) for harm in here.harms(since)],
        "samePodsAndReplicaSets": here.workload() == workload,
        "medianSeconds": round(statistics.median(seconds), 2),
        "longestSeconds": round(max(seconds), 2),
        "mostWrites": max(writes),
    }


def main() -> int:
    """Run, report, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    with (
        LocalCluster(ready(), Options(crds=(CRDS,))) as cluster,
        Witness(Client(cluster.admin.credentials)) as witness,
        cluster.namespace() as namespace,
    ):
        start(cluster)
        for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
            cluster.admin.create(SECRET, namespace, secret)
        here = Installations(cluster.admin, witness, namespace)
        here.create("acme")
        report = {**origin(), "rounds": options.rounds, **rounds(here, options.rounds)}
    print(json.dumps(report, indent=2))
    whole = report["samePodsAndReplicaSets"] and not report["harms"]
    return 0 if whole and not report["differences"] else 1


if __name__ == "__main__":
    sys.exit(main())
