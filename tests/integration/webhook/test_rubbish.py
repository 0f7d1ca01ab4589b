"""Whatever is sent to the three kinds of endpoints, over real HTTP: never an answer of 5xx."""

from __future__ import annotations

import copy
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.testing.cluster import Cluster
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.reviews import calls
from mattermost_migrate.testing.webhook import RunningWebhook

PREVIEW = "mattermost.com/v1beta1-preview"
REVIEWS = list(calls())
STORED = [
    review["request"]["object"]
    for path, review in REVIEWS
    if path.endswith("/clusterinstallation") and review["request"]["operation"] == "CREATE"
]
PATHS = [
    "/validate/clusterinstallation",
    "/validate/mattermost",
    "/validate/installationmigration",
    "/mutate/clusterinstallation",
    "/mutate/mattermost",
    "/mutate/migrate",
    "/mutate/pin",
]
JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(max_size=12),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
#: Where something is put in the place of something: a number for each of the changes.
CHANGES = some.lists(some.tuples(some.integers(min_value=0), JSON), min_size=1, max_size=4)
RARE = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def converter(cluster: Cluster, webhook: RunningWebhook) -> Iterator[RunningWebhook]:
    """The conversion's process, without being switched on: nobody but the tests calls it."""
    port = free_port()
    command = [sys.executable, "-m", "webhook.preview", "serve", "--server-name=localhost"]
    where = [f"--bind=127.0.0.1:{port}", f"--cert-dir={webhook.certificates}"]
    process = cluster.run("converter", [*command, *where])
    running = RunningWebhook(process, port, webhook.certificates)
    running.until_ready()
    yield running
    process.stop()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Kept connections."""
    with requests.Session() as kept:
        yield kept


def post(session: requests.Session, to: RunningWebhook, path: str, body: bytes) -> int:
    headers = {"Content-Type": "application/json"}
    with session.post(
        f"{to.url}{path}", data=body, headers=headers, verify=str(to.authority), timeout=30
    ) as answer:
        return int(answer.status_code)


def changed(document: Any, changes: list[tuple[int, Any]]) -> Any:
    """The document with something else at some of its places."""
    document = copy.deepcopy(document)
    for number, value in changes:
        places = list(_places(document))
        container, key = places[number % len(places)]
        container[key] = value
    return document


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    keys = document if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        if isinstance(document[key], dict | list):
            yield from _places(document[key])


@given(path=some.sampled_from(PATHS), number=some.integers(0, len(REVIEWS) - 1), changes=CHANGES)
@RARE
def test_a_spoilt_review_is_answered(
    webhook: RunningWebhook, session: requests.Session, path: str, number: int, changes: list[Any]
) -> None:
    body = json.dumps(changed(REVIEWS[number][1], changes)).encode()

    assert post(session, webhook, path, body) < 500


@given(path=some.sampled_from(PATHS), body=some.binary(max_size=200) | JSON.map(json.dumps))
@RARE
def test_rubbish_is_the_clients_fault(
    webhook: RunningWebhook, session: requests.Session, path: str, body: bytes | str
) -> None:
    sent = body.encode() if isinstance(body, str) else body

    assert 400 <= post(session, webhook, path, sent) < 500


@given(
    some.lists(some.integers(0, len(STORED) - 1), max_size=3),
    some.sampled_from([PREVIEW, CLUSTER_INSTALLATION.api_version]),
    CHANGES,
)
@RARE
def test_a_spoilt_conversion_is_answered(
    converter: RunningWebhook,
    session: requests.Session,
    numbers: list[int],
    desired: str,
    changes: list[Any],
) -> None:
    review = conversion([STORED[number] for number in numbers], desired)
    body = json.dumps(changed(review, changes)).encode()

    assert post(session, converter, "/convert", body) < 500


def conversion(objects: list[Any], desired: str) -> dict[str, Any]:
    request = {"uid": "u", "desiredAPIVersion": desired, "objects": objects}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": request,
    }


def test_a_long_list_is_converted_in_little_memory_while_admission_goes_on(
    webhook: RunningWebhook, converter: RunningWebhook, session: requests.Session
) -> None:
    """In small, what `make proof-webhook` measures with 5,000."""
    body = json.dumps(conversion(list(islice(cycle(STORED), 1000)), PREVIEW)).encode()
    found: list[dict[str, Any]] = []

    def convert() -> None:
        with requests.post(
            f"{converter.url}/convert",
            data=body,
            headers={"Content-Type": "application/json"},
            verify=str(converter.authority),
            timeout=120,
        ) as answer:
            found.append(answer.json()["response"])

    working = threading.Thread(target=convert)
    working.start()
    path, review = REVIEWS[0]
    asked = json.dumps(review).encode()
    statuses = []
    while working.is_alive():
        statuses.append(post(session, webhook, path, asked))
    working.join()

    assert found[0]["result"] == {"status": "Success"}
    assert len(found[0]["convertedObjects"]) == 1000
    assert {each["apiVersion"] for each in found[0]["convertedObjects"]} == {PREVIEW}
    assert set(statuses) == {200}
    assert peak_mib(converter) < 512


def test_large_reviews_at_once_stay_within_memory(webhook: RunningWebhook) -> None:
    """Whole ones, which the limit for those that are yet to come does not bound."""
    path, review = REVIEWS[0]
    large = copy.deepcopy(review)
    entry = {"name": "A", "value": "x"}
    large["request"]["object"]["spec"]["mattermostEnv"] = [entry] * 220_000
    body = json.dumps(large).encode()
    headers = {"Content-Type": "application/json"}
    statuses: list[int] = []

    def send() -> None:
        with suppress(requests.ConnectionError):  # it may be dropped for want of memory
            answer = requests.post(
                f"{webhook.url}{path}",
                data=body,
                headers=headers,
                verify=str(webhook.authority),
                timeout=120,
            )
            statuses.append(answer.status_code)

    sending = [threading.Thread(target=send) for _ in range(8)]
    for each in sending:
        each.start()
    for each in sending:
        each.join()

    assert len(body) > 6 * 2**20
    assert statuses
    assert set(statuses) == {200}
    assert peak_mib(webhook) < 512


def peak_mib(running: RunningWebhook) -> float:
    """The most memory the process and its worker have had."""
    parent = running.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    status = [Path(f"/proc/{pid}/status").read_text() for pid in (parent, *children)]
    return sum(int(text.split("VmHWM:")[1].split()[0]) for text in status) / 1024
