from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from mattermost_migrate.domain.editlock import Exempt
from mattermost_migrate.domain.errors import ForbiddenError, TransientError
from webhook.app import create_app
from webhook.endpoint import AT_ONCE
from webhook.knowledge import Held, InMemory, MustWaitError
from webhook.review import Review, read
from webhook.secrets import Secrets

from .test_app import Remembered, installation, review

MISSING = "spec.database.secret: there is no Secret 'db' in the namespace"


@dataclass
class ApiServer:
    """Knows no Secret; may fail, or never answer."""

    error: Exception | None = None
    answers: bool = True
    asked: list[str] = field(default_factory=list)
    begun: list[Future[Mapping[str, Held]]] = field(default_factory=list)

    def read(self, namespace: str, names: Collection[str]) -> Future[Mapping[str, Held]]:
        self.asked += [f"{namespace}/{name}" for name in names]
        reading: Future[Mapping[str, Held]] = Future()
        self.begun.append(reading)
        if self.error is not None:
            reading.set_exception(self.error)
        elif self.answers:
            reading.set_result(dict.fromkeys(names))
        return reading


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def created(name: str = "db", namespace: str = "acme", **spec: Any) -> Review:
    body = review("CREATE", object=installation(database={"secret": name}, **spec))
    body["request"]["namespace"] = namespace
    return read(json.dumps(body).encode())


def updated(old: dict[str, Any], new: dict[str, Any]) -> Review:
    return read(json.dumps(review(oldObject=old, object=new)).encode())


def test_a_missing_secret_is_warned_of() -> None:
    assert Secrets(ApiServer().read).warnings(created()) == (MISSING,)


NAMED = {"database": {"secret": "db"}}


@pytest.mark.parametrize(
    ("old", "new", "asked"),
    [
        pytest.param({}, NAMED, ["acme/db"], id="a name that is new"),
        pytest.param({"database": {"secret": "a"}}, NAMED, ["acme/db"], id="another name"),
        pytest.param(NAMED, NAMED, [], id="the same spec"),
        pytest.param(NAMED, {**NAMED, "version": "10.9.0"}, [], id="another field"),
        pytest.param(NAMED, {}, [], id="a name that goes"),
        pytest.param(
            NAMED,
            {**NAMED, "mattermostLicenseSecret": "lic"},
            ["acme/lic"],
            id="only what is new",
        ),
    ],
)
def test_an_update_is_looked_into_where_it_names_new_secrets(
    old: dict[str, Any], new: dict[str, Any], asked: list[str]
) -> None:
    server = ApiServer()
    Secrets(server.read).warnings(updated(installation(**old), installation(**new)))

    assert server.asked == asked


def test_nothing_is_asked_about_what_is_deleted() -> None:
    server = ApiServer()
    ending = installation(**NAMED)
    ending["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    deleted = read(json.dumps(review("DELETE", oldObject=ending)).encode())
    secrets = Secrets(server.read)

    assert secrets.warnings(deleted) == secrets.warnings(updated(installation(), ending)) == ()
    assert server.asked == []


@pytest.mark.parametrize(
    ("name", "namespace"), [("../../nodes/a", "acme"), ("db?x=1", "acme"), ("db", "a/../b")]
)
def test_what_is_no_name_gets_into_no_path(name: str, namespace: str) -> None:
    server = ApiServer()

    assert Secrets(server.read).warnings(created(name, namespace)) == ()
    assert server.asked == []


def test_at_most_eight_are_read_for_one_review() -> None:
    server = ApiServer()
    env = [
        {"name": f"E{number}", "valueFrom": {"secretKeyRef": {"name": f"s{number}", "key": "k"}}}
        for number in range(20)
    ]
    Secrets(server.read).warnings(created(mattermostEnv=env))

    assert len(server.asked) == 8


def test_who_asks_again_is_answered_from_memory_for_a_while() -> None:
    server, clock = ApiServer(), Clock()
    secrets = Secrets(server.read, clock=clock)

    assert secrets.warnings(created()) == secrets.warnings(created()) == (MISSING,)
    assert secrets.at_once(created()) == (MISSING,)
    assert server.asked == ["acme/db"]
    clock.now += 11
    secrets.warnings(created())
    assert server.asked == ["acme/db"] * 2


def test_what_is_remembered_is_bounded_and_holds_no_secret() -> None:
    clock = Clock()
    secrets = Secrets(ApiServer().read, clock=clock)
    for number in range(1100):
        clock.now += 0.05
        secrets.warnings(created(f"db{number}"))

    assert len(secrets._remembered) == 1024
    assert {type(until) for until, _ in secrets._remembered.values()} == {float}


def test_who_must_not_wait_is_told_to() -> None:
    with pytest.raises(MustWaitError):
        Secrets(ApiServer().read).at_once(created())


def test_without_an_answer_nothing_is_said_and_nobody_asks_for_a_while() -> None:
    server, clock = ApiServer(answers=False), Clock()
    secrets = Secrets(server.read, clock=clock)

    assert secrets.warnings(created()) == ()
    assert server.begun[0].cancelled()
    assert secrets.warnings(created("other")) == secrets.at_once(created("third")) == ()
    assert server.asked == ["acme/db"]
    clock.now += 11
    secrets.warnings(created())
    assert len(server.asked) == 2


def test_where_we_may_not_nothing_is_said_and_only_there() -> None:
    server, clock = ApiServer(error=ForbiddenError("no")), Clock()
    secrets = Secrets(server.read, clock=clock)

    assert secrets.warnings(created()) == ()
    assert secrets.at_once(created("another")) == ()
    server.error = None
    assert secrets.warnings(created(namespace="open")) == (MISSING,)
    clock.now += 61
    assert secrets.warnings(created()) == (MISSING,)


@pytest.mark.parametrize("error", [TransientError("503"), KeyError("a bug")])
def test_no_failure_is_worth_a_review(error: Exception) -> None:
    assert Secrets(ApiServer(error=error).read).warnings(created()) == ()


def test_only_a_few_wait_at_a_time() -> None:
    server = ApiServer(answers=False)
    secrets = Secrets(server.read, clock=Clock())
    waiting = [
        threading.Thread(target=secrets.warnings, args=[created(f"db{number}")])
        for number in range(12)
    ]
    for each in waiting:
        each.start()
    for each in waiting:
        each.join()

    assert len(server.asked) == 4


def test_a_storm_of_reviews_is_no_storm_of_requests() -> None:
    server, clock = ApiServer(), Clock()
    secrets = Secrets(server.read, clock=clock)
    said = [secrets.warnings(created(f"db{number}")) for number in range(100)]

    assert len(server.asked) == sum(map(bool, said)) == 32
    assert secrets.at_once(created("another")) == ()
    clock.now += 1
    assert secrets.warnings(created("another"))


def answered(server: ApiServer, body: dict[str, Any]) -> Any:
    app = create_app(Remembered(), exempt=Exempt(frozenset({"us"})), secrets=Secrets(server.read))
    answer = app.test_client().post("/validate/clusterinstallation", json=body)
    assert answer.json is not None
    return answer.json["response"]


def test_the_warning_comes_beside_the_others_of_an_allowed_write() -> None:
    body = review("CREATE", object=installation(**NAMED, size="huge"))

    response = answered(ApiServer(), body)
    assert response["allowed"] is True
    assert response["warnings"][1:] == [MISSING]


@pytest.mark.parametrize(
    ("spec", "user"), [({"ingressName": ""}, "gitops"), ({}, "us")], ids=["refused", "ours"]
)
def test_nothing_is_looked_up_for_a_write(spec: dict[str, Any], user: str) -> None:
    """One that is refused anyway, and those of the migration itself."""
    server = ApiServer()
    answered(server, review("CREATE", user=user, object=installation(**NAMED, **spec)))

    assert server.asked == []


def test_the_event_loop_never_waits_and_answers_what_is_remembered() -> None:
    server = ApiServer()
    app = create_app(InMemory(Remembered()), exempt=Exempt(), secrets=Secrets(server.read))
    at_once = app.extensions[AT_ONCE]["/validate/clusterinstallation"].at_once
    body = review("CREATE", object=installation(**NAMED))

    with pytest.raises(MustWaitError):
        at_once(json.dumps(body).encode())
    app.test_client().post("/validate/clusterinstallation", json=body)
    assert json.loads(at_once(json.dumps(body).encode()))["response"]["warnings"] == [MISSING]
    assert len(server.asked) == 1
