"""What is wrong with the Secrets that an installation names, as far as somebody has looked.

The judgement is the conversion's; here it is put into a line that says nothing of what a Secret
holds but which of its keys is in the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mattermost_migrate.domain.children.database import CHECK_URL, CONNECTION
from mattermost_migrate.domain.conversion import credentials
from mattermost_migrate.domain.conversion.database import CREDENTIALS, refused_url
from mattermost_migrate.domain.conversion.filestore import KEYS
from mattermost_migrate.domain.conversion.workload import LICENSE
from mattermost_migrate.domain.named_secrets import NamedSecret, Use
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.validation.field import Caution

__all__ = ["cautions"]

_KEYS: Final[Mapping[Use, tuple[str, ...]]] = {Use.FILES: KEYS, Use.LICENSE: (LICENSE,)}
_POSTGRESQL: Final = 'scheme "postgresql"'
#: Of a Secret's name: the rest of the line is needed to say what is the matter with it.
_SHOWN: Final = 25


def cautions(kind: str, named: NamedSecret, secret: JsonObject | None) -> Iterator[Caution]:
    """What will hurt.

    Args:
        kind: of the installation.
        named: where and what for.
        secret: the Secret of that name as it was just read; None when there is none.
    """
    shown = named.name if len(named.name) <= _SHOWN else f"{named.name[: _SHOWN - 1]}…"
    for message in _messages(kind, named, secret, shown):
        yield Caution(named.field, message)


def _messages(
    kind: str, named: NamedSecret, secret: JsonObject | None, shown: str
) -> Iterator[str]:
    if secret is None:
        yield f"there is no Secret {shown!r} in the namespace"
        return
    held = credentials.values(secret)
    if named.use is Use.DATABASE:
        yield from _database(kind, held, shown)
    for key in (*_KEYS.get(named.use, ()), *((named.key,) if named.key else ())):
        if held.get(key) is None:
            yield f"Secret {shown!r} has no key {key!r} that can be read"


def _database(kind: str, held: Mapping[str, bytes | None], shown: str) -> Iterator[str]:
    if CONNECTION in held:
        if not held[CONNECTION]:
            yield f"Secret {shown!r}: {CONNECTION} is empty"
        elif why := refused_url(held):
            old = why.startswith(_POSTGRESQL)
            wrong = "is postgresql://, must be postgres://" if old else "is refused by a Mattermost"
            yield f"Secret {shown!r}: {CHECK_URL} {wrong}"
    elif kind != CLUSTER_INSTALLATION.kind:
        yield f"Secret {shown!r} has no key {CONNECTION!r}"
    elif lacking := next((key for key in CREDENTIALS if not held.get(key)), None):
        yield f"Secret {shown!r} has neither {CONNECTION} nor {lacking}"
