"""Having good certificates: look at what is stored, issue what is missing or due, keep the rest.

May be repeated at any time, by one writer. The CA that a new one replaces stays in the bundle as
long as it is valid, so that nothing it signed stops being trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from certs.authority import KeySource, Pair, authority, fresh_key, leaf
from certs.injection import bundle
from certs.rotation import flaw
from certs.storage import CA_NAME, CERTIFICATE, KEY, Files, Store

__all__ = ["Issued", "ensure", "trusted"]

#: In the CA's files: the certificate of the CA before this one.
_PREVIOUS: Final = "previous.crt"
#: Beside the serving certificate, for clients that mount the same files.
_CA: Final = "ca.crt"


@dataclass(frozen=True, slots=True)
class Issued:
    """What there is now.

    Attributes:
        authority: the CA that signs.
        leaf: the serving certificate.
        ca_bundle: what a client must trust, base64, for a ``caBundle``.
        changes: what was issued and why, for a log; empty when everything was good.
    """

    authority: Pair
    leaf: Pair
    ca_bundle: str
    changes: tuple[str, ...]


async def ensure(
    store: Store,
    leaf_name: str,
    dns_names: Iterable[str],
    now: datetime,
    *,
    keys: KeySource = fresh_key,
) -> Issued:
    """See to it that ``store`` holds a good CA and a good leaf signed by it.

    Args:
        store: where they are kept.
        leaf_name: under which name the serving certificate is kept.
        dns_names: what it must serve.
        now: the wall clock.
        keys: where private keys come from.

    Raises:
        StaleError: another writer was there first; look again.
        MigrateError: the store could not be read or written.
    """
    names = tuple(dns_names)
    changes: list[str] = []
    signer, ca_bundle = await _signer(store, now, keys, changes)
    served = _pair(await store.read(leaf_name))
    problem = flaw(served, now, issuer=signer, names=names) if served else "is missing"
    if served is None or problem:
        changes.append(f"Serving certificate {problem}")
        served = leaf(signer, names, now, keys=keys)
        files = {CERTIFICATE: served.certificate, KEY: served.key, _CA: signer.certificate}
        await store.write(leaf_name, files)
    return Issued(signer, served, ca_bundle, tuple(changes))


async def _signer(
    store: Store, now: datetime, keys: KeySource, changes: list[str]
) -> tuple[Pair, str]:
    """The CA to sign with and the bundle to trust; what was issued is added to ``changes``."""
    held = await store.read(CA_NAME)
    signer = _pair(held)
    problem = flaw(signer, now) if signer else "is missing"
    if held is not None and signer is not None and problem is None:
        return signer, _bundle(held)
    changes.append(f"CA {problem}")
    fresh = authority(now, keys=keys)
    files = _authority_files(fresh, signer, now)
    await store.write(CA_NAME, files)
    return fresh, _bundle(files)


async def trusted(store: Store) -> str | None:
    """The caBundle for what ``store`` holds now, or None when it holds no CA."""
    held = await store.read(CA_NAME)
    return _bundle(held) if held and CERTIFICATE in held else None


def _pair(files: Files | None) -> Pair | None:
    if files is None or not {CERTIFICATE, KEY} <= files.keys():
        return None
    return Pair(files[CERTIFICATE], files[KEY])


def _authority_files(signer: Pair, replaced: Pair | None, now: datetime) -> Files:
    files = {CERTIFICATE: signer.certificate, KEY: signer.key}
    if replaced is not None and _still_trusted(replaced, now):
        files[_PREVIOUS] = replaced.certificate
    return files


def _still_trusted(pair: Pair, now: datetime) -> bool:
    try:
        return now < pair.parsed.not_valid_after_utc
    except ValueError:
        return False


def _bundle(files: Files) -> str:
    return bundle(files[name] for name in (CERTIFICATE, _PREVIOUS) if files.get(name))
