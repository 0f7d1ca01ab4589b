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
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from webhook_rows import (
    Row,
    abuse_rows,
    holds,
    load_rows,
    missed,
    processor_rows,
    rotation_rows,
)

HERE: Final = Path(__file__).parent


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
    held = (bool(missed(proof.rows(found))) or bool(done.returncode)) is proof.fails
    return {**found, "arguments": told, "asExpected": held}


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
