"""Keeps the certificates: looks, asks the ladder, acts, looks again. The only place that writes.

Whatever it rests on is read live and written back only if it has not moved since: the Secrets by
their resourceVersion, a caBundle by its object's. The CA is read last, so a bundle is never older
than the CA it is made from.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from certs.authority import KeySource, Pair, authority, certificates_in, fresh_key, leaf
from certs.ladder import (
    Act,
    Action,
    Decision,
    Inject,
    IssueLeaf,
    Keyring,
    ReplaceAuthority,
    Seen,
    Trust,
    decide,
    decide_bundles,
)
from certs.metrics import CHANGES, FAILURES, show
from certs.site import Site
from certs.storage import CA_NAME, CERTIFICATE, KEY, LEAF_NAME, Files, Store
from mattermost_migrate.domain.errors import (
    InvariantError,
    LeaseLostError,
    MigrateError,
    NotFoundError,
    StaleError,
    TransientError,
)

__all__ = ["INTERVAL", "REQUEST", "Keeper", "Settled"]

#: In the CA's files: certificates of CAs that signed before, and are trusted still.
_PREVIOUS: Final = "previous.crt"
#: Beside the serving certificate, for clients that mount the same files.
_CA: Final = "ca.crt"
#: In either's files: somebody asks for a new one. Gone with the write that grants it.
REQUEST: Final = "rotate"
#: More steps than any road through the ladder has; more means that somebody undoes them.
_LONGEST_ROAD: Final = 40
#: How often one target is written in one round before it counts as out of our hands.
_MOST_INJECTIONS: Final = 3
#: Seconds between two rounds, unless told otherwise; and while a rotation waits for replicas.
INTERVAL: Final = 60.0
_UNDER_WAY: Final = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    """How a round ended.

    Attributes:
        seen: the last look.
        decision: ``Done``, or the ``Wait`` that says what for.
        changes: what was written and why, for a log; empty when everything was good.
        problems: what could not be written.
    """

    seen: Seen
    decision: Decision
    changes: tuple[str, ...]
    problems: tuple[str, ...]


class Keeper:
    """Sees to it that certificates are good.

    Args:
        store: where they are kept.
        site: who uses them.
        injecting: put the caBundle where it belongs; else somebody has to do that before anything
            is signed by a new CA.
        keys: where private keys come from.
    """

    def __init__(
        self, store: Store, site: Site, *, injecting: bool = True, keys: KeySource = fresh_key
    ) -> None:
        self._store = store
        self._site = site
        self._injecting = injecting
        self._keys = keys
        #: Since when, at the latest, the targets have carried what they do; None: nobody knows.
        self._told: datetime | None = None
        self._to_be_told = False

    async def look(self, refused: frozenset[str] = frozenset()) -> Seen:
        """One look at everything; the CA last."""
        around = await self._site.look()
        if self._to_be_told:
            self._told, self._to_be_told = around.now, False
        served = await self._store.read(LEAF_NAME) or {}
        held = await self._store.read(CA_NAME) or {}
        seen = Seen(
            now=around.now,
            keyring=Keyring(
                _pair(held), certificates_in(held.get(_PREVIOUS, b"")), REQUEST in held
            ),
            leaf=_pair(served),
            names=around.names,
            leaf_authority=served.get(_CA, b""),
            leaf_requested=REQUEST in served,
            targets=around.targets,
            replicas=around.replicas,
            refused=refused if self._injecting else frozenset(t.name for t in around.targets),
            spread=around.spread,
            told=self._told,
        )
        show(seen)
        return seen

    async def settle(self, told: Callable[[str], None] | None = None) -> Settled:
        """Go on until there is nothing to do, or something to wait for.

        Args:
            told: hears of every change as it is made.

        Raises:
            StaleError: another writer is at work.
            MigrateError: something could not be read, or a Secret not be written.
        """
        return await self._through(decide, told or _nobody)

    async def inject(self, told: Callable[[str], None] | None = None) -> Settled:
        """Repair every caBundle, and write nothing else.

        Raises:
            MigrateError: as ``settle``.
        """
        return await self._through(decide_bundles, told or _nobody)

    async def _through(
        self, ladder: Callable[[Seen], Decision], told: Callable[[str], None]
    ) -> Settled:
        changes: list[str] = []
        written: dict[str, int] = {}
        problems: dict[str, str] = {}
        for _ in range(_LONGEST_ROAD):
            seen = await self.look(frozenset(problems))
            decision = ladder(seen)
            if not isinstance(decision, Act):
                return Settled(seen, decision, tuple(changes), tuple(problems.values()))
            try:
                change = await self._act(decision.action, seen, written, problems)
            except StaleError:
                continue
            if change:
                changes.append(change)
                told(change)
        raise StaleError("certificates: somebody undoes what is written; looking again later")

    async def keep(self, interval: float = INTERVAL) -> None:
        """Look time and again, by whatever the clock says then; never ends by itself.

        Args:
            interval: seconds between two looks; fewer while something is under way.

        Raises:
            LeaseLostError: another replica may be leading.
        """
        self._to_be_told = True  # whoever led before us may have told them a moment ago
        while True:
            pause = await self._round(interval)
            await asyncio.sleep(pause)

    async def _round(self, interval: float) -> float:
        """One round; the seconds until the next."""
        try:
            settled = await self.settle(lambda change: _log.info("Renewed", extra={"what": change}))
        except LeaseLostError:
            raise
        except MigrateError as error:
            FAILURES.inc()
            _log.warning("Could not keep certificates", extra={"error": str(error)})
            passing = isinstance(error, StaleError | TransientError)
            return min(_UNDER_WAY, interval) if passing else interval
        except Exception:  # noqa: BLE001 - the top of the loop; logged here, once
            FAILURES.inc()
            _log.exception("Failed to keep certificates")
            return interval
        for problem in settled.problems:
            FAILURES.inc()
            _log.warning("Could not inject caBundle", extra={"error": problem})
        return min(_UNDER_WAY, interval) if settled.seen.keyring.previous else interval

    async def request(self, name: str) -> None:
        """Ask whoever keeps the certificates for a new CA or a new serving certificate.

        Args:
            name: ``CA_NAME`` or ``LEAF_NAME``.

        Raises:
            NotFoundError: there is none that could be replaced.
            StaleError: somebody wrote in between.
        """
        files = await self._store.read(name)
        if files is None:
            raise NotFoundError(f"{name}: there is nothing to rotate: run issue first")
        await self._store.write(name, {**files, REQUEST: b"requested"})

    async def _act(
        self, action: Action, seen: Seen, written: dict[str, int], problems: dict[str, str]
    ) -> str | None:
        if not isinstance(action, Inject):
            CHANGES.labels(type(action).__name__).inc()
            return await self._store_new(action, seen)
        name = action.target.name
        written[name] = written.get(name, 0) + 1
        if written[name] > _MOST_INJECTIONS:
            problems[name] = f"{name}: somebody overwrites its caBundle as soon as it is written"
            return None
        try:
            await self._site.inject(action.target, action.bundle)
        except (StaleError, LeaseLostError, TransientError):
            raise
        except MigrateError as error:
            problems[name] = str(error)
            return None
        self._to_be_told = True
        CHANGES.labels("Inject").inc()
        return f"{name}: caBundle injected"

    async def _store_new(self, action: ReplaceAuthority | Trust | IssueLeaf, seen: Seen) -> str:
        match action:
            case ReplaceAuthority():
                await self._write_authority(authority(seen.now, keys=self._keys), action.previous)
            case Trust():
                await self._write_authority(_signer(seen), action.previous, seen.keyring.requested)
            case IssueLeaf():
                signer = _signer(seen)
                served = leaf(signer, action.names, seen.now, keys=self._keys)
                files = {CERTIFICATE: served.certificate, KEY: served.key, _CA: signer.certificate}
                await self._store.write(LEAF_NAME, files)
                return f"{action.reason}: issued"
            case _:
                assert_never(action)
        verb = "issued" if isinstance(action, ReplaceAuthority) else "trusted CAs written"
        return f"{action.reason}: {verb}"

    async def _write_authority(
        self,
        signer: Pair,
        previous: tuple[bytes, ...],
        requested: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        files = {CERTIFICATE: signer.certificate, KEY: signer.key}
        if previous:
            files[_PREVIOUS] = b"".join(previous)
        if requested:
            files[REQUEST] = b"requested"
        await self._store.write(CA_NAME, files)


def _signer(seen: Seen) -> Pair:
    if seen.keyring.signer is None:
        raise InvariantError("certificates: the ladder signs without a CA")
    return seen.keyring.signer


def _pair(files: Files) -> Pair | None:
    if not {CERTIFICATE, KEY} <= files.keys():
        return None
    return Pair(files[CERTIFICATE], files[KEY])


def _nobody(_: str) -> None:
    """Hears nothing."""
