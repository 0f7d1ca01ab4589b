"""The demo from beginning to end, section by section."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from deploy.demo.borrowed import borrowed
from deploy.demo.fleet import Fleet, fleet
from deploy.demo.intruder import Attempt, Intruder, attempt_at
from deploy.demo.place import Place, own
from deploy.demo.plugin import Helm, helm_home
from deploy.demo.product import CONTROLLER, Product
from deploy.demo.record import Look, account
from deploy.demo.report import Findings, table, totals, verdict
from deploy.demo.screen import Doing, Screen
from deploy.demo.watch import Watcher, look
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION
from mattermost_migrate.domain.objects import name_of, namespace_of
from mattermost_migrate.testing.cluster import Client, LocalCluster
from mattermost_migrate.testing.tools import Toolbox

__all__ = ["Wishes", "tell"]

_STABLE_SECONDS: Final = 180
#: How often it is asked meanwhile whether the processes live.
_TURN_SECONDS: Final = 5
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person asked for.

    Attributes:
        ordinary: how many installations besides the operator's examples.
        helm: the major version of Helm.
        keep: leave everything running in the end, until Ctrl-C.
        kubeconfig: of an existing cluster; None: a new one.
        yes: do not ask before an existing cluster is used.
    """

    ordinary: int = 30
    helm: int = 4
    keep: bool = False
    kubeconfig: Path | None = None
    yes: bool = False


def tell(wishes: Wishes, tools: Toolbox, screen: Screen) -> int:
    """Run the demo.

    Returns:
        0 when all that is promised was seen to hold, else 1.

    Raises:
        BrokenError, ProcessError, TimeoutError, ApiError, ToolError: it cannot go on.
    """
    with ExitStack() as stack:
        place = stack.enter_context(_place(wishes, tools, screen))
        cluster = place.cluster
        home = stack.enter_context(helm_home(f"helm{wishes.helm}", cluster.folder / "helm"))
        helm = Helm(tools[f"helm{wishes.helm}"], home, cluster.kubeconfig)
        product = Product(cluster, helm.environment, helm.program, place.host)
        stack.callback(product.stop)
        _install(product, screen)
        made = _installations(place, product, wishes.ordinary, screen)
        malformed = _malformed(cluster.admin, made, screen)
        planned = _plan(helm, screen)
        findings = _migrate(place, helm, made, screen)
        findings = replace(
            findings,
            others=[malformed, *findings.others],
            exit_codes=[("plan", planned), *findings.exit_codes],
        )
        product.check()
        code = _report(findings, screen)
        if wishes.keep:
            _stay(tools.link(cluster.folder / "bin"), helm, screen)
        return code


def _place(wishes: Wishes, tools: Toolbox, screen: Screen) -> AbstractContextManager[Place]:
    if wishes.kubeconfig is None:
        screen.section(
            "A control plane",
            "Real Kubernetes on loopback, thrown away in the end. Only the kubelet is played, by "
            "kwok: pods get ready, and nothing runs in them.",
        )
        return own(tools, screen)
    screen.section(
        "An existing cluster",
        f"{wishes.kubeconfig}: all that is made there is labelled, and removed in the end.",
    )
    return borrowed(wishes.kubeconfig, tools, screen, yes=wishes.yes)


def _install(product: Product, screen: Screen) -> None:
    screen.section(
        "mattermost-migrate",
        "The chart, installed by Helm. The two processes run beside the cluster, with the rights "
        "that the chart gives them and no more.",
    )
    product.install(screen)


def _installations(place: Place, product: Product, ordinary: int, screen: Screen) -> Fleet:
    made = fleet(ordinary, spec=place.spec)
    count = len(made.installations)
    screen.section(
        f"{count} Mattermost installations",
        "ClusterInstallations as people have them: different versions, sizes, environments and "
        "annotations; two of them with a database and a file store made by operators.",
    )
    client = place.cluster.admin
    with screen.doing(f"{count} ClusterInstallations and their Secrets created"):
        for obj in made.objects:
            resource = client.resource(obj["apiVersion"], obj["kind"])
            client.create(resource, obj["metadata"].get("namespace"), obj)
    with screen.doing(f"all {count} are stable") as doing:
        _until_stable(product, made, doing)
    return made


def _until_stable(product: Product, made: Fleet, doing: Doing) -> None:
    """Wait for every one; raises TimeoutError naming those that are not stable."""
    wanted, stable = set(made.installations), set[tuple[str, str]]()
    ends = time.monotonic() + _STABLE_SECONDS
    while time.monotonic() < ends:
        product.check()
        for _, obj in product.cluster.admin.watch(CLUSTER_INSTALLATION, seconds=_TURN_SECONDS):
            if (obj.get("status") or {}).get("state") == "stable":
                stable.add((namespace_of(obj), name_of(obj)))
                doing.now(f"{len(stable & wanted)} of {len(wanted)}")
            if wanted <= stable:
                return
    missing = ", ".join(f"{namespace}/{name}" for namespace, name in sorted(wanted - stable))
    raise TimeoutError(f"not stable after {_STABLE_SECONDS} s: {missing}")


def _malformed(client: Client, made: Fleet, screen: Screen) -> Attempt:
    """A mistake that the CRD lets pass, and the operator would only choke on later."""
    namespace, name = made.installations[-1]
    patch = {"spec": {"ingressName": "https://chat.example.com", "version": "10.5 beta"}}
    attempt = attempt_at(
        f"kubectl patch clusterinstallation {name} -n {namespace} --type merge"
        f" -p {shlex.quote(json.dumps(patch))}",
        lambda: client.patch(CLUSTER_INSTALLATION, namespace, name, patch),
    )
    screen.text(
        "\nThe webhook refuses mistakes, all of them at once, before the operator sees any:"
    )
    _show(attempt, screen)
    return attempt


def _plan(helm: Helm, screen: Screen) -> int:
    screen.section(
        "The plan", "The plugin looks at everything and writes nothing: the API server rehearses."
    )
    with screen.doing("helm plugin install helm-plugin"):
        helm.install_plugin()
    return _run(helm, screen, "plan", "--all")


def _run(helm: Helm, screen: Screen, *arguments: str) -> int:
    words = ("mattermost-migrate", *arguments)
    screen.command(f"helm {' '.join(words)}")
    return helm.show(*words)


def _migrate(place: Place, helm: Helm, made: Fleet, screen: Screen) -> Findings:
    screen.section(
        "The migration",
        "All at once, under the eyes of a watcher that sees every change of every pod, ReplicaSet "
        "and EndpointSlice; and of somebody who edits what is being moved.",
    )
    client = place.cluster.admin
    before = look(client)
    since = datetime.now(UTC)
    intruder = Intruder(client, before, place.given_up())
    with Watcher(client, {INSTALLATION_MIGRATION: intruder.notice}) as watcher, intruder:
        codes = [("run", _run(helm, screen, "run", "--all", "--yes"))]
    after = look(client)
    audited = _audited(place, since)
    comes_back = _comes_back(client, before, made)
    _refusals([*intruder.attempts, comes_back], screen)
    accounts = [account(key, before, watcher.changes, after) for key in made.installations]
    return Findings(accounts, intruder.attempts, [comes_back], codes, audited)


def _comes_back(client: Client, before: Look, made: Fleet) -> Attempt:
    """What a GitOps tool does that was not told: it creates the ClusterInstallation again."""
    namespace, name = made.installations[-1]
    found = before.named(CLUSTER_INSTALLATION, (namespace, name)) or {}
    again = {"metadata": {"name": name}, "spec": found.get("spec") or {}}
    return attempt_at(
        f"kubectl apply -f {name}.yaml -n {namespace}   # the ClusterInstallation, after its end",
        lambda: client.create(CLUSTER_INSTALLATION, namespace, again),
    )


def _refusals(attempts: Sequence[Attempt], screen: Screen) -> None:
    screen.text("\nMeanwhile somebody with every right tried this, and the last when all was over:")
    for attempt in attempts:
        _show(attempt, screen)


def _show(attempt: Attempt, screen: Screen) -> None:
    screen.command(attempt.command)
    screen.answer(attempt.answer)
    if attempt.excuse:
        screen.answer(f"The API server went on without the webhook: {attempt.excuse}")


def _audited(place: Place, since: datetime) -> int | None:
    """The controller's writes by the API server's own books; its Lease is not about anybody."""
    if not isinstance(place.cluster, LocalCluster):
        return None
    books = place.cluster.audit()
    written = (
        event["user"].get("username") == CONTROLLER
        and event["verb"] in _WRITES
        and event["objectRef"]["resource"] != "leases"
        and datetime.fromisoformat(event["requestReceivedTimestamp"]) >= since
        for event in books
    )
    return sum(map(int, written))


def _report(findings: Findings, screen: Screen) -> int:
    screen.section(
        "What happened",
        "Measured from outside in this run. Pods and ReplicaSets are the same if their UIDs are.",
    )
    screen.table(table(findings.accounts))
    grid = Table.grid(padding=(0, 3))
    for name, value in totals(findings):
        grid.add_row(Text(name, style="bold"), value)
    screen.table(grid)
    screen.text()
    broken = verdict(findings)
    for breach in broken:
        screen.broken(breach)
    if not broken:
        unasked = sum(bool(each.excuse) for each in findings.in_flight)
        but = f" that the webhook was asked about ({unasked} was not)" if unasked else ""
        screen.done(
            f"same pods, same ReplicaSets, no endpoint lost, every unsafe edit{but} refused"
        )
    return 1 if broken else 0


def _stay(programs: Path, helm: Helm, screen: Screen) -> None:
    screen.section("Look around", "Everything goes on until Ctrl-C. In another terminal:")
    (programs / "helm").unlink()
    (programs / "helm").symlink_to(helm.program)
    screen.lines(_exports(helm.settings, programs))
    screen.lines("\nkubectl get mattermosts -A\nhelm mattermost-migrate status --all")
    sys.stdout.flush()
    signal.pause()


def _exports(settings: Mapping[str, str], programs: Path) -> str:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    return "\n".join([*lines, f"export PATH={shlex.quote(str(programs))}{os.pathsep}$PATH"])
