"""``mattermost-migrate-certs issue`` where somebody else writes the caBundle."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from click.testing import CliRunner

from certs import __main__ as command
from certs.authority import Pair
from certs.injection import VALIDATING, bundle, bundles_in
from certs.storage import CA_NAME, LEAF_NAME

from .conftest import NAMESPACE, SERVICE, ApiServer, called_by

Issue = Callable[..., str]
CALLED = {"service": {"name": SERVICE, "namespace": NAMESPACE}}


@pytest.fixture
def issue(monkeypatch: pytest.MonkeyPatch, server: ApiServer, served: dict[str, bytes]) -> Issue:
    """Runs the command while nobody leads; what it said."""

    @asynccontextmanager
    async def alone(*_: object) -> AsyncIterator[ApiServer]:
        yield server

    async def client(_: object) -> ApiServer:
        return server

    monkeypatch.setattr(command, "_client", client)
    monkeypatch.setattr(command, "alone", alone)
    monkeypatch.setattr(command, "_ISSUE_SECONDS", 0.0)

    def run(*words: str) -> str:
        done = CliRunner().invoke(command.main, ["issue", *words])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def stored(server: ApiServer, name: str) -> Pair:
    data = server.objects["Secret", name]["data"]
    return Pair(base64.b64decode(data["tls.crt"]), base64.b64decode(data["tls.key"]))


def held(server: ApiServer) -> set[str]:
    return set(bundles_in(server.objects[VALIDATING.kind, NAMESPACE]))


def test_a_new_ca_signs_nothing_before_somebody_has_it_trusted(
    server: ApiServer, issue: Issue
) -> None:
    called_by(server, CALLED)
    issue()
    old, serving, before = stored(server, CA_NAME), stored(server, LEAF_NAME), held(server)
    server.objects["Secret", CA_NAME]["data"]["rotate"] = ""

    said = issue("--no-inject")

    assert "CA was asked to be replaced: issued" in said
    assert "cannot be told of the new CA, so the old one goes on serving" in said
    fresh = stored(server, CA_NAME)
    assert fresh != old
    assert (stored(server, LEAF_NAME), held(server)) == (serving, before)

    both = bundle([fresh.certificate, old.certificate])
    called_by(server, {**CALLED, "caBundle": both})
    server.now += timedelta(minutes=1)
    issue("--no-inject")

    assert stored(server, LEAF_NAME).signed_by(fresh)
    assert held(server) == {both}


def test_at_first_there_is_nothing_that_could_go_on_serving(
    server: ApiServer, issue: Issue
) -> None:
    called_by(server, CALLED)

    issue("--no-inject")

    assert stored(server, LEAF_NAME).signed_by(stored(server, CA_NAME))
    assert held(server) == {""}
