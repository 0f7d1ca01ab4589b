"""Every write says what it was decided on: one that comes late meets nothing it could harm."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Strategy
from mattermost_migrate.domain.writes import Verb, Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, desire


def fenced(write: Write) -> bool:
    """Whether it meets the very state that was seen, and no later one."""
    if write.verb is Verb.CREATE:
        return True  # of a name that is taken it makes nothing
    if write.verb is Verb.DELETE:
        return bool(write.uid and write.resource_version)
    if isinstance(write.body, list):
        first = write.body[0]
        return (first["op"], first["path"]) == ("test", "/metadata/resourceVersion")
    metadata: Mapping[str, object] = (write.body or {})["metadata"]
    # No two objects ever have the same version, so it stands for the UID as well.
    return bool(metadata.get("resourceVersion"))


@pytest.mark.parametrize("strategy", Strategy)
def test_every_write_there_and_back_is_fenced(strategy: Strategy) -> None:
    cluster = installed(cluster_installation(), strategy=str(strategy), drainSeconds=2)
    sent: list[Write] = []

    def send(write: Write) -> None:
        sent.append(write)
        cluster.apply(write)

    for kind in (MATTERMOST.kind, CLUSTER_INSTALLATION.kind):
        desire(cluster, "acme", kind)
        climb(cluster, send=send)

    assert len(sent) > 20
    assert [str(write) for write in sent if not fenced(write)] == []
