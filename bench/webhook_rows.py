"""What each proof of the webhook wants, and whether it was found so: told once, for all of them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

__all__ = [
    "Row",
    "abuse_rows",
    "holds",
    "load_rows",
    "missed",
    "processor_rows",
    "rotation_rows",
]

#: What was measured, what was found (None where nothing was), and what is wanted: of a "-" nothing,
#: it is there to understand the others by.
Row: TypeAlias = tuple[str, float | None, str]

MISSED: Final = "MISSED"
_HOLDS: Final = {"<": operator.lt, "≤": operator.le, "≥": operator.ge}


def holds(found: float | None, wanted: str) -> str:
    """In a word, whether it is as wanted; empty where nothing is. What was not found is not."""
    if wanted == "-":
        return ""
    word, bound = wanted.split()
    return "holds" if found is not None and _HOLDS[word](found, float(bound)) else MISSED


def missed(rows: Iterable[Row]) -> list[str]:
    """What was not found as it is wanted."""
    return [what.strip() for what, found, wanted in rows if holds(found, wanted) == MISSED]


def _answers(part: Mapping[str, Any], name: str) -> Iterator[Row]:
    """That every call was answered, and well; failures are counted, or counted by their reason."""
    failures = part["failures"]
    failed = sum(failures.values()) if isinstance(failures, Mapping) else failures
    yield f"  {name}: failed calls", failed, "≤ 0"
    yield f"  {name}: answers other than 200", len(set(part["statuses"]) ^ {"200"}), "≤ 0"


def processor_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """What one review and one object cost."""
    each = found["reviews"]
    yield from _answers(each, "reviews")
    yield "ms of the server's processor a review", each["serverMilliseconds"], "< 1"
    yield "  reading its JSON alone", each["readingItAloneMilliseconds"], "-"
    yield "  the client's", each["clientMilliseconds"], "-"
    for way in ("toPreview", "toStored"):
        spent = found["conversion"][way]["serverMillisecondsEach"]
        yield f"ms of the server's processor an object, {way}", spent, "< 1"


def load_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Throughput and lists."""
    fast, steady, lists = found["fast"], found["steady"], found["conversion"]
    for name, part in (("fast", fast), ("steady", steady)):
        yield from _answers(part, name)
        uncounted = max(0, part["reviews"] - part["inServer"]["reviews"])
        yield f"  {name}: reviews that the server has not counted", uncounted, "≤ 0"
    yield from _answers(lists["admissionBeside"], "beside a list")
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
        yield from _answers(part, name)
    for name, key in (
        ("the server was at work", "server"),
        ("the server waited for one", "serverWaitedForCore"),
        ("the rude clients were at work", "rudeClients"),
    ):
        yield f"  share of a core {name}", found["amongRudeOfOneCore"][key], "-"
    yield "  most memory: MiB", found["mostMemoryMiB"] or None, "< 512"


def rotation_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """Calls lost."""
    for name in ("leafRotations", "authorityRotations", "rollingRestarts"):
        part = found[name]
        yield f"{part['times']} {name}: failed of {part['calls']} calls", part["failed"], "≤ 0"
        yield "  calls/s", part["callsPerSecond"], "≥ 200"
