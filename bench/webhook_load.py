"""How many reviews two replicas answer on two cores, and a list of 5,000 beside them.

Each replica is pinned to a core of its own, its client to the other's core, so each core carries
one of both; the processor time of each is told apart. First as fast as answers come, then at a
steady rate, where a request's latency counts from the moment it was due. The time "in the server"
is its own histogram's: from the whole request in memory to the answer.

Then ConversionReviews of thousands of objects, there and back, while admission goes on at a low
rate. Prints one JSON document; exits with 1 if a target was missed. The client, the API server and
everything else on the machine share the two cores: what the load was is in the record.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import requests
from origin import origin
from spent import peak_mib, processor_seconds, waited_seconds
from webhook_rows import load_rows, missed

from mattermost_migrate.domain.conversion.versions import PREVIEW_VERSION
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.testing.cluster import Cluster, LocalCluster, Options
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.reviews import calls
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.webhook import RunningWebhook, called_webhook, start_conversion

ROOT: Final = Path(__file__).parents[1]
_BESIDE_RATE: Final = 100.0
_BUCKET: Final = re.compile(r'review_duration_seconds_bucket\{.*le="(\S+)"\} (\S+)')
_PINNED: Final = """
import os
os.sched_setaffinity(0, {{{core}}})
from webhook.__main__ import main
main()
"""


def pinned(core: int) -> tuple[str, ...]:
    """The webhook, on that core alone."""
    return (sys.executable, "-c", _PINNED.format(core=core))


@contextmanager
def two_replicas(cluster: Cluster, helm: Path) -> Iterator[list[RunningWebhook]]:
    """One on each of two cores."""
    with called_webhook(cluster, helm, program=pinned(0)) as first:
        port = free_port()
        process = cluster.run(
            "webhook-2",
            [*pinned(1), f"--bind=127.0.0.1:{port}", f"--cert-dir={first.certificates}"],
            KUBECONFIG=str(cluster.folder / "webhook.kubeconfig"),
        )
        second = RunningWebhook(process, port, first.certificates)
        second.until_ready()
        yield [first, second]
        process.stop()


def clients(
    replicas: Sequence[RunningWebhook], folder: Path, *, seconds: float, rate: float | None
) -> list[subprocess.Popen[str]]:
    """Start one for each replica, on the core of another."""
    asked = folder / "requests.json"
    asked.write_text(json.dumps(list(calls())))
    command = [
        sys.executable,
        "-m",
        "mattermost_migrate.testing.fast_client",
        f"--requests={asked}",
    ]
    command += ["--connections=4", f"--seconds={seconds}"]
    if rate:
        command.append(f"--rate={rate / len(replicas)}")
    return [
        subprocess.Popen(  # noqa: S603 - our own program
            [*command, f"--port={each.port}", f"--authority={each.authority}", f"--core={core}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for each, core in zip(replicas, cycle((1, 0)), strict=False)
    ]


def buckets(replicas: Sequence[RunningWebhook]) -> dict[float, float]:
    """Reviews by the time they took in the server, all replicas and kinds together."""
    found: dict[float, float] = {}
    for each in replicas:
        text = requests.get(f"{each.url}/metrics", verify=str(each.authority), timeout=10).text
        for limit, count in _BUCKET.findall(text):
            found[float(limit)] = found.get(float(limit), 0.0) + float(count)
    return found


def load(
    replicas: Sequence[RunningWebhook], folder: Path, *, seconds: float, rate: float | None = None
) -> dict[str, Any]:
    """Let the clients loose on them; what came of it."""
    before, used = buckets(replicas), [processor_seconds(each.process) for each in replicas]
    waited = [waited_seconds(each.process) for each in replicas]
    running = clients(replicas, folder, seconds=seconds, rate=rate)
    answered = [json.loads(each.communicate()[0]) for each in running]
    used = [processor_seconds(r.process) - u for r, u in zip(replicas, used, strict=True)]
    waited = [waited_seconds(r.process) - w for r, w in zip(replicas, waited, strict=True)]
    seen = {limit: count - before.get(limit, 0.0) for limit, count in buckets(replicas).items()}
    total = sum(each["answers"] for each in answered)
    client = sum(each["clientCpuSeconds"] for each in answered)
    per_server = [
        {
            "core": number,
            "reviewsPerSecond": each["perSecond"],
            "processorSeconds": round(spent, 2),
            "secondsWaitedForCore": round(waited[number], 2),
            "processorMillisecondsPerReview": round(spent / each["answers"] * 1000, 3),
            "reviewsPerProcessorSecond": round(each["answers"] / spent, 1),
            "clientMilliseconds": each["milliseconds"],
        }
        for number, (each, spent) in enumerate(zip(answered, used, strict=True))
    ]
    return {
        "asked": f"{rate:.0f} a second" if rate else "as fast as answers came",
        "seconds": seconds,
        "reviews": total,
        "reviewsPerSecond": round(sum(each["perSecond"] for each in answered), 1),
        "failures": sum(sum(each["failures"].values()) for each in answered),
        "statuses": sorted({status for each in answered for status in each["statuses"]}),
        "replicas": per_server,
        "clientProcessorMillisecondsPerReview": round(client / total * 1000, 3),
        "inServer": in_server(seen),
        "loadAverageAfter": [round(each, 1) for each in os.getloadavg()],
    }


def in_server(seen: dict[float, float]) -> dict[str, Any]:
    """How long reviews took there: bounds of a histogram, so at most so many milliseconds."""
    total = seen.get(float("inf"), 0.0)
    found = {
        name: next((limit for limit, n in sorted(seen.items()) if n >= total * part), 0.0)
        for name, part in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
    }
    limits = {f"{name}AtMostMilliseconds": limit * 1000 for name, limit in found.items()}
    return {"reviews": int(total), **limits}


def conversion(
    cluster: Cluster, admission: RunningWebhook, count: int, times: int
) -> dict[str, Any]:
    """ConversionReviews of so many objects, there and back, while admission goes on."""
    running = start_conversion(cluster, admission)
    try:
        # What an API server does with a list on a machine of its own is not done here beside it.
        asked, objects = [], stored(count)
        for version in (PREVIEW_VERSION, CLUSTER_INSTALLATION.version):
            asked.append(review_of(version, objects))
            objects = checked(posted(running, asked[-1])[1], count)
        used = processor_seconds(running.process)
        beside = clients([admission], cluster.folder, seconds=4.0 * times, rate=_BESIDE_RATE)
        answers = [posted(running, each) for _ in range(times) for each in asked]
        answered = json.loads(beside[0].communicate()[0])
        used = processor_seconds(running.process) - used
        for _, text in answers:
            checked(text, count)
        return {
            "objects": count,
            "megabytes": round(len(asked[-1]) / 1e6, 1),
            "reviews": len(answers),
            "secondsEach": [round(seconds, 2) for seconds, _ in answers],
            "processorMillisecondsPerObject": round(used / len(answers) / count * 1000, 3),
            "peakMemoryMiB": round(peak_mib(running.process), 1),
            "admissionBeside": answered,
        }
    finally:
        subprocess.run(
            [sys.executable, "-m", "webhook.preview", "disable"],
            env=os.environ | {"KUBECONFIG": str(cluster.kubeconfig)},
            check=True,
            capture_output=True,
        )
        running.process.stop()


def stored(count: int) -> list[dict[str, Any]]:
    """So many ClusterInstallations as an API server holds them."""
    kinds = [
        review["request"]["object"]
        for _, review in calls()
        if review["request"]["kind"]["kind"] == CLUSTER_INSTALLATION.kind
    ]
    return [
        {**each, "metadata": {**each["metadata"], "name": f"chat-{number}", "uid": f"u-{number}"}}
        for number, each in enumerate(islice(cycle(kinds), count))
    ]


def review_of(version: str, objects: list[dict[str, Any]]) -> bytes:
    """The ConversionReview that asks for objects in a version."""
    wanted = f"{CLUSTER_INSTALLATION.group}/{version}"
    request = {"uid": "bench", "desiredAPIVersion": wanted, "objects": objects}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
    return json.dumps({**head, "request": request}).encode()


def posted(running: RunningWebhook, body: bytes) -> tuple[float, bytes]:
    """One ConversionReview: seconds from the first byte sent to the last received, and these."""
    context = ssl.create_default_context(cafile=str(running.authority))
    with closing(
        http.client.HTTPSConnection("localhost", running.port, timeout=60, context=context)
    ) as connection:
        connection.connect()
        began = time.perf_counter()
        connection.request("POST", "/convert", body, {"Content-Type": "application/json"})
        text = connection.getresponse().read()
        return time.perf_counter() - began, text


def checked(text: bytes, count: int) -> list[dict[str, Any]]:
    """The objects of an answer; RuntimeError unless all were converted."""
    response = json.loads(text)["response"]
    if response["result"]["status"] != "Success" or len(response["convertedObjects"]) != count:
        raise RuntimeError(str(response["result"])[:300])
    return list(response["convertedObjects"])


def main() -> int:
    """Run, report, and say by the exit code whether every target was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=2000.0)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--lists", type=int, default=3)
    given = parser.parse_args()
    tools = ready()
    found: dict[str, Any] = origin()
    options = Options(crds=(ROOT / "deploy" / "crds",))
    with LocalCluster(tools, options) as cluster, two_replicas(cluster, tools["helm3"]) as replicas:
        load(replicas, cluster.folder, seconds=2.0)  # warm
        found["fast"] = load(replicas, cluster.folder, seconds=given.seconds)
        found["steady"] = load(replicas, cluster.folder, seconds=given.seconds, rate=given.rate)
        found["conversion"] = conversion(cluster, replicas[0], given.objects, given.lists)
    found["missed"] = missed(load_rows(found))
    print(json.dumps(found, indent=2))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
