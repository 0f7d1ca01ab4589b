"""Every proof of the webhook, one after another: `make proof-webhook`.

Throughput and long lists, rude clients (and the same with gunicorn's own worker, which has to
fail), rotation. Each is a program of its own; what it printed is put into one document,
webhook.json, beside what earlier runs of the others had found, and a table of it is printed. Exits
with 1 if one that was run did not hold.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Proof:
    """One of the programs.

    Attributes:
        program: its file, and what it is told.
        small: what it is told for a short run.
        fails: it has to fail: a safeguard is left out.
        rows: what the table says of what it found: (what, found, wanted).
    """

    program: tuple[str, ...]
    small: tuple[str, ...]
    rows: Callable[[Mapping[str, Any]], Iterator[tuple[str, object, str]]]
    fails: bool = False


def load_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Throughput and lists."""
    fast, steady, lists = found["fast"], found["steady"], found["conversion"]
    yield "reviews/s, two replicas", fast["reviewsPerSecond"], "2000"
    for each in fast["replicas"]:
        core, spent = each["core"], each["processorMillisecondsPerReview"]
        yield f"  replica on core {core}: ms of processor a review", spent, "-"
        yield (
            f"  replica on core {core}: reviews a second of it",
            each["reviewsPerProcessorSecond"],
            "-",
        )
    yield "  client: ms of processor a review", fast["clientProcessorMillisecondsPerReview"], "-"
    for name, part in (("fast", fast), (steady["asked"], steady)):
        bound = part["inServer"]["p99AtMostMilliseconds"]
        yield f"p99 in the server, {name}: ms, at most", bound, "10"
    yield f"list of {lists['objects']}, {lists['megabytes']} MB: s", max(lists["secondsEach"]), "5"
    yield "  most memory: MiB", lists["peakMemoryMiB"], "512"
    beside = lists["admissionBeside"]["milliseconds"]["p99"]
    yield "  p99 of admission beside it: ms", beside, "20"


def abuse_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Good calls among rude clients."""
    for name, key in (("alone", "goodCallsAlone"), ("among the rude", "goodCallsAmongRude")):
        part = found[key]
        yield f"good calls {name}: p99 ms", part["milliseconds"]["p99"], "50"
        yield "  failed", sum(part["failures"].values()), "0"
    yield "  most memory: MiB", found["mostMemoryMiB"], "512"


def rotation_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Calls lost."""
    for name in ("leafRotations", "authorityRotations", "rollingRestarts"):
        part = found[name]
        yield f"{part['times']} {name}: failed of {part['calls']} calls", part["failed"], "0"
        yield "  calls/s", part["callsPerSecond"], "200"


PROOFS: Final = {
    "load": Proof(("webhook_load.py",), ("--seconds=4", "--objects=500", "--lists=1"), load_rows),
    "abuse": Proof(("webhook_abuse.py",), ("--seconds=10",), abuse_rows),
    "abuseOfPlainWorker": Proof(
        ("webhook_abuse.py", "--plain", "--seconds=15"), (), abuse_rows, fails=True
    ),
    "rotation": Proof(
        ("webhook_rotation.py",),
        ("--leaves=3", "--authorities=1", "--restarts=2"),
        rotation_rows,
    ),
}


def run(name: str, *, small: bool) -> tuple[dict[str, Any], bool]:
    """Run one: what it found, and whether it came out as it has to."""
    proof = PROOFS[name]
    program, *told = [*proof.program, *(proof.small if small else ())]
    print(f"{name} …", file=sys.stderr)
    command = [sys.executable, str(HERE / program), *told]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    found: dict[str, Any] = json.loads(done.stdout)
    held = bool(done.returncode) is proof.fails
    return {**found, "arguments": told, "asExpected": held}, held


def table(document: Mapping[str, Any]) -> Iterator[str]:
    """The figures, a line each."""
    yield f"{'':56} {'found':>10} {'wanted':>8}"
    for name, proof in PROOFS.items():
        if name in document:
            part = document[name]
            head = f"{name} at {part['commit']}, load {part['loadAverageBefore'][0]}"
            yield f"{head} ({'as expected' if part['asExpected'] else 'NOT as expected'})"
            for what, found, wanted in proof.rows(part):
                yield f"  {what:54} {found!s:>10} {'fails' if proof.fails else wanted:>8}"


def main() -> int:
    """Run them, write the document, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PROOFS), default=list(PROOFS))
    parser.add_argument("--small", action="store_true", help="short runs, recorded nowhere")
    given = parser.parse_args()
    recorded = HERE / "webhook.json"
    kept = recorded.exists() and not given.small
    document: dict[str, Any] = json.loads(recorded.read_text()) if kept else {}
    held = True
    for name in given.only:
        document[name], as_expected = run(name, small=given.small)
        held &= as_expected
        if not given.small:
            recorded.write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join(table(document)))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
