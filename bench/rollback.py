"""How long the way back takes, from the decision to its end: `python bench/rollback.py`.

On a control plane of its own, with the controller as it ships. Each write of a migration is refused
in turn, to several installations at once; the time runs from the event ``RollingBack`` to
``status.completionTime``, both by the controller's clock. Whatever anybody could have noticed is
judged by the rules of a witness, and the inspection must call every installation whole. Prints one
JSON document; exits with 1 if anything is amiss or took longer than a minute. The last recorded run
stands in rollback.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any, Final

from origin import origin

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, NAMESPACE, SECRET
from mattermost_migrate.domain.reported import parse_time
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import Client, Cluster, LocalCluster, Options
from mattermost_migrate.testing.installations import Installations, condition
from mattermost_migrate.testing.obstacles import OBSTACLES, Obstacle, dependent
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.witness import Witness

CRDS: Final = Path(__file__).parents[1] / "deploy" / "crds"
HOME: Final = "mattermost-migrate"
NAME: Final = "mattermost-migrate-controller"
MOST_SECONDS: Final = 60.0


def start(cluster: Cluster) -> None:
    """The controller as it ships, being the operator too, under the name that obstacles know."""
    cluster.admin.create(NAMESPACE, None, {"metadata": {"name": HOME}})
    cluster.give_every_right(HOME, NAME)
    kubeconfig = cluster.service_account_kubeconfig(HOME, NAME, cluster.folder / NAME)
    command = [sys.executable, "-m", "controller", "--operator", "builtin", "--namespace", HOME]
    cluster.run("controller", command, KUBECONFIG=str(kubeconfig))


def stopped(here: Installations, obstacle: Obstacle, names: list[str]) -> list[float]:
    """Stop so many at that write; give the seconds that each way back took."""
    with obstacle.standing(here.admin, here.namespace):
        here.ask(*names)
        return [seconds_back(here, name) for name in names]


def seconds_back(here: Installations, name: str) -> float:
    """From the decision to the end, once that is there."""
    over = here.until_ended(name)
    if condition(over, "Succeeded")["reason"] != "RolledBack":
        raise AssertionError(f"{name}: {condition(over, 'Succeeded')}")
    here.until_told(name, "Progressing", "RollingBack", "RolledBack")
    (decided,) = (each for each in here.events(name) if each["reason"] == "RollingBack")
    ended = parse_time(over["status"]["completionTime"])
    return (ended - parse_time(decided["eventTime"])).total_seconds()


def measured(cluster: LocalCluster, witness: Witness, obstacle: Obstacle, count: int) -> Any:
    """One obstacle, in a namespace of its own."""
    with cluster.namespace() as namespace:
        for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
            cluster.admin.create(SECRET, namespace, secret)
        here = Installations(cluster.admin, witness, namespace)
        names = [f"acme-{number}" for number in range(count)]
        here.create(*names)
        for name in names:
            dependent(here.admin, namespace, name)
        before, since = here.workload(), witness.now()
        seconds = stopped(here, obstacle, names)
        for name in names:
            here.until_whole(CLUSTER_INSTALLATION, name)
        return {
            "refused": str(obstacle),
            "medianSeconds": round(statistics.median(seconds), 2),
            "longestSeconds": round(max(seconds), 2),
            "harms": [str(harm) for harm in here.harms(since)],
            "samePodsAndReplicaSets": here.workload() == before,
        }


def main() -> int:
    """Run, report, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--installations", type=int, default=10, help="stopped at once")
    options = parser.parse_args()
    began = origin()
    with (
        LocalCluster(ready(), Options(crds=(CRDS,))) as cluster,
        Witness(Client(cluster.admin.credentials)) as witness,
    ):
        start(cluster)
        rows = [measured(cluster, witness, each, options.installations) for each in OBSTACLES]
    print(json.dumps({**began, "atOnce": options.installations, "rows": rows}, indent=2))
    well = (
        row["samePodsAndReplicaSets"] and not row["harms"] and row["longestSeconds"] < MOST_SECONDS
        for row in rows
    )
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
