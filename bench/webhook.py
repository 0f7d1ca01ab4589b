"""Every proof of the webhook, one after another: `make proof-webhook`.

What a review costs, throughput and long lists, rude clients (and the same with gunicorn's own
worker, which has to fail), rotation. Each is a program of its own; what it printed is put into one
document, webhook.json, beside what earlier runs of the others had found, and a table of it is
printed: what was found, what is wanted, whether that holds, and how busy the machine was with
other work when it began. Exits with 1 if one that was run did not hold.
"""

from __future__ import annotations

import argparse
import json
import operator
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

HERE: Final = Path(__file__).parent
#: What was measured, what was found (None where nothing was), and what is wanted.
Row: TypeAlias = tuple[str, float | None, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """One of the programs.

    Attributes:
        program: its file, and what it is told.
        small: what it is told for a short run.
        fails: it has to fail: a safeguard is left out.
        rows: what the table says of what it found: (what, found, wanted). Nothing is wanted of
            a "-"; it is there to understand the others by.
    """

    program: tuple[str, ...]
    small: tuple[str, ...]
    rows: Callable[[Mapping[str, Any]], Iterator[Row]]
    fails: bool = False


def processor_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """What one review and one object cost."""
    each = found["reviews"]
    yield "ms of the server's processor a review", each["serverMilliseconds"], "< 1"
    yield "  reading its JSON alone", each["readingItAloneMilliseconds"], "-"
    yield "  the client's", each["clientMilliseconds"], "-"
    for way in ("toPreview", "toStored"):
        spent = found["conversion"][way]["serverMillisecondsEach"]
        yield f"ms of the server's processor an object, {way}", spent, "< 1"


def load_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Throughput and lists."""
    fast, steady, lists = found["fast"], found["steady"], found["conversion"]
    yield "reviews/s, two replicas", fast["reviewsPerSecond"], "≥ 2000"
    for each in fast["replicas"]:
        here = f"  replica on core {each['core']}:"
        yield f"{here} ms of processor a review", each["processorMillisecondsPerReview"], "-"
        yield f"{here} reviews a second of it", each["reviewsPerProcessorSecond"], "-"
        waited = each["secondsWaitedForCore"] / fast["seconds"]
        yield f"{here} share of time waited for it", round(waited, 2), "-"
    yield "  client: ms of processor a review", fast["clientProcessorMillisecondsPerReview"], "-"
    for name, part in (("fast", fast), (steady["asked"], steady)):
        bound = part["inServer"]["p99AtMostMilliseconds"]
        yield f"p99 in the server, {name}: ms, at most", bound, "≤ 10"
    yield (
        f"list of {lists['objects']}, {lists['megabytes']} MB: s",
        max(lists["secondsEach"]),
        "< 5",
    )
    spent = lists["processorMillisecondsPerObject"]
    yield "  ms of processor an object", spent, "-"
    yield "  most memory: MiB", lists["peakMemoryMiB"], "< 512"
    beside = lists["admissionBeside"]["milliseconds"]["p99"]
    yield "  p99 of admission beside it: ms", beside, "< 20"


def abuse_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Good calls among rude clients."""
    for name, key, wanted in (
        ("alone", "goodCallsAlone", "-"),
        ("among the rude", "goodCallsAmongRude", "< 50"),
    ):
        part = found[key]
        yield f"good calls {name}: p99 ms", part["milliseconds"]["p99"], wanted
        yield "  failed", sum(part["failures"].values()), "≤ 0"
    for name, key in (
        ("the server was at work", "server"),
        ("the server waited for one", "serverWaitedForCore"),
        ("the rude clients were at work", "rudeClients"),
    ):
        yield f"  share of a core {name}", found["amongRudeOfOneCore"][key], "-"
    yield "  most memory: MiB", found["mostMemoryMiB"], "< 512"


def rotation_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Calls lost."""
    for name in ("leafRotations", "authorityRotations", "rollingRestarts"):
        part = found[name]
        yield f"{part['times']} {name}: failed of {part['calls']} calls", part["failed"], "≤ 0"
        yield "  calls/s", part["callsPerSecond"], "≥ 200"


MISSED: Final = "MISSED"
_HOLDS: Final = {"<": operator.lt, "≤": operator.le, "≥": operator.ge}
PROOFS: Final = {
    "processor": Proof(
        ("webhook_processor.py",), ("--seconds=4", "--objects=1000"), processor_rows
    ),
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


def run(name: str, *, small: bool) -> dict[str, Any] | None:
    """Run one: what it found, and whether it came out as it has to; None if it broke."""
    proof = PROOFS[name]
    program, *told = [*proof.program, *(proof.small if small else ())]
    print(f"{name} …", file=sys.stderr)
    command = [sys.executable, str(HERE / program), *told]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:  # it has said why
        print(f"{name} broke: exit code {done.returncode}", file=sys.stderr)
        return None
    missed = any(holds(each, wanted) == MISSED for _, each, wanted in proof.rows(found))
    held = (missed or bool(done.returncode)) is proof.fails
    return {**found, "arguments": told, "asExpected": held}


def holds(found: float | None, wanted: str) -> str:
    """In a word, whether it is as wanted; empty where nothing is. What was not found is not."""
    if wanted == "-":
        return ""
    word, bound = wanted.split()
    return "holds" if found is not None and _HOLDS[word](found, float(bound)) else MISSED


def table(document: Mapping[str, Any]) -> Iterator[str]:
    """The figures, a line each."""
    yield f"{'':58} {'found':>10} {'wanted':>8}"
    for name, proof in PROOFS.items():
        if name not in document:
            continue
        part = document[name]
        as_expected = "as expected" if part["asExpected"] else "NOT as expected"
        yield f"{name} at {part['commit']}, load {part['loadAverageBefore'][0]} ({as_expected})"
        for what, found, wanted in proof.rows(part):
            line = f"  {what:56} {found!s:>10} {wanted:>8} {holds(found, wanted)}"
            yield line.rstrip()
        if proof.fails:
            yield "  (a safeguard is left out: it has to miss)"


def main() -> int:
    """Run them, write the document, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(PROOFS), default=list(PROOFS))
    parser.add_argument("--small", action="store_true", help="short runs, in no record by default")
    parser.add_argument("--record", type=Path, help="the JSON document that is read and written")
    given = parser.parse_args()
    record: Path | None = given.record or (None if given.small else HERE / "webhook.json")
    document: dict[str, Any] = {}
    if record and record.exists():
        document = json.loads(record.read_text())
    held = True
    for name in given.only:
        found = run(name, small=given.small)
        held &= found is not None and found["asExpected"]
        if found is None:
            continue  # the others are worth having all the same
        document[name] = found
        if record:
            record.write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join(table(document)))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
