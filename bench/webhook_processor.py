"""What one review and one converted object cost in processor time: `make bench-webhook`.

Both servers run as they are shipped (gunicorn, our worker, TLS 1.3, their log), only without a
cluster: the webhook is told that nobody migrates and that no Secret is there. A client in a process
of its own sends reviews on kept connections, then a list is converted there and back. The kernel
counts the processor seconds of each process. Neighbours on the same cores make those longer too
(they share caches and memory), so the record says what the standard library alone needs to read one
such review at that moment.

Prints one JSON document; exits with 1 if two cores could not carry what is asked of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from origin import origin
from spent import peak_mib, processor_seconds
from webhook_load import checked, clients, posted, review_of, stored
from webhook_rows import missed, processor_rows

from certs.authority import authority, leaf
from mattermost_migrate.domain.conversion.versions import PREVIEW_VERSION
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.testing.cluster import Process
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.reviews import calls
from mattermost_migrate.testing.webhook import RunningWebhook

_ALONE: Final = """
from concurrent.futures import Future
from webhook import __main__
class Nobody:
    synced = True
    def known(self, namespace, name):
        return None
    live = known
    def secrets(self, namespace, names):
        found = Future()
        found.set_result(dict.fromkeys(names))
        return found
    def stop(self):
        pass
class Nowhere:
    start = Nobody
__main__.ClusterMigrations = Nowhere
__main__.main()
"""


@contextmanager
def serving(folder: Path, name: str, command: Sequence[str]) -> Iterator[RunningWebhook]:
    """A server of ours, without a cluster."""
    now = datetime.now(UTC)
    signer = authority(now)
    served = leaf(signer, ("localhost",), now)
    for file, content in (
        ("ca.crt", signer.certificate),
        ("tls.crt", served.certificate),
        ("tls.key", served.key),
    ):
        (folder / file).write_bytes(content)
    port = free_port()
    where = [f"--bind=127.0.0.1:{port}", f"--cert-dir={folder}", "--server-name=localhost"]
    process = Process(name, [sys.executable, *command, *where], log=folder / f"{name}.log")
    process.start()
    try:
        running = RunningWebhook(process, port, folder)
        running.until_ready()
        yield running
    finally:
        process.stop()


def reviews(folder: Path, seconds: float) -> dict[str, Any]:
    """Processor time of a review: the server's, the client's, and of reading it alone."""
    with serving(folder, "webhook", ["-c", _ALONE]) as running:
        for each in clients([running], folder, seconds=1.0, rate=None):  # warm
            each.communicate()
        before = processor_seconds(running.process)
        (client,) = clients([running], folder, seconds=seconds, rate=None)
        found = json.loads(client.communicate()[0])
        used = processor_seconds(running.process) - before
        answers = found["answers"]
        return {
            "reviews": answers,
            "failures": sum(found["failures"].values()),
            "statuses": sorted(found["statuses"]),
            "serverMilliseconds": round(used / answers * 1000, 3),
            "reviewsPerServerProcessorSecond": round(answers / used, 1),
            "clientMilliseconds": round(found["clientCpuSeconds"] / answers * 1000, 3),
            "readingItAloneMilliseconds": reading(),
            "peakMemoryMiB": round(peak_mib(running.process), 1),
        }


def reading() -> float:
    """Milliseconds of processor that the standard library needs to read a review."""
    bodies = [json.dumps(body).encode() for _, body in calls()]
    began = time.process_time()
    for _ in range(10):
        for body in bodies:
            json.loads(body)
    return round((time.process_time() - began) / 10 / len(bodies) * 1000, 3)


def lists(folder: Path, count: int) -> dict[str, Any]:
    """Processor time of an object in a list, to the preview and back."""
    command = ["-m", "webhook.preview", "serve"]
    found: dict[str, Any] = {"objects": count}
    with serving(folder, "conversion", command) as running:
        objects = stored(count)
        for name, version in (
            ("toPreview", PREVIEW_VERSION),
            ("toStored", CLUSTER_INSTALLATION.version),
        ):
            body = review_of(version, objects)
            before = processor_seconds(running.process)
            seconds, text = posted(running, body)
            used = processor_seconds(running.process) - before
            objects = checked(text, count)
            found[name] = {
                "megabytes": round(len(body) / 1e6, 1),
                "seconds": round(seconds, 2),
                "serverMillisecondsEach": round(used / count * 1000, 3),
            }
        return found | {"peakMemoryMiB": round(peak_mib(running.process), 1)}


def main() -> int:
    """Run, report, and say by the exit code whether two cores are enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--objects", type=int, default=5000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found = origin()
        found["reviews"] = reviews(folder, given.seconds)
        found["conversion"] = lists(folder, given.objects)
    found["loadAverageAfter"] = [round(each, 1) for each in os.getloadavg()]
    found["missed"] = missed(processor_rows(found))
    print(json.dumps(found, indent=2))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
