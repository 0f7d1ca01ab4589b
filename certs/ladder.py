"""What to do next about the certificates: state in, one action out. Pure.

The order is what lets a CA be exchanged without one failed call (webhook facts 4.5): the new CA
goes into every caBundle beside the old one, is read back there, only then signs a certificate, and
the old CA leaves when every replica was seen to serve one of the new. Where a rotation stands is
observed and never remembered, so whoever comes after a death at any write goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from certs.authority import Pair, certificates_in, expired, signed
from certs.injection import bundle, held_in
from certs.renewal import dns_names, flaw, issued_at

__all__ = [
    "Act",
    "Action",
    "Decision",
    "Done",
    "Inject",
    "IssueLeaf",
    "Keyring",
    "ReplaceAuthority",
    "Replica",
    "Seen",
    "Target",
    "Trust",
    "Wait",
    "decide",
    "decide_bundles",
    "lagging",
]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The CA's Secret.

    Attributes:
        signer: the CA that signs; None when there is none, or only garbage.
        previous: certificates of CAs that signed before and must be trusted still.
        requested: somebody asked for a new CA.
    """

    signer: Pair | None = None
    previous: tuple[bytes, ...] = ()
    requested: bool = False

    @property
    def trusted(self) -> tuple[bytes, ...]:
        """Every CA certificate that belongs into a caBundle."""
        signer = certificates_in(self.signer.certificate)[:1] if self.signer else ()
        return (*signer, *self.previous)


@dataclass(frozen=True, slots=True)
class Target:
    """What calls the webhook: a webhook configuration, or a CRD with a conversion webhook.

    Attributes:
        name: kind and name, as people write it.
        bundles: the caBundle of each client configuration in it, base64; "" where none is.
    """

    name: str
    bundles: tuple[str, ...]

    def trusts(self, authority: bytes) -> bool:
        """Whether each of its client configurations trusts that CA."""
        return all(authority in held_in(held) for held in self.bundles)


@dataclass(frozen=True, slots=True)
class Replica:
    """A process that the API server may call.

    Attributes:
        address: ``host:port``.
        certificate: what it serves, PEM, as a handshake showed it; None when there was none.
        problem: why there was none.
    """

    address: str
    certificate: bytes | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at everything.

    Attributes:
        now: the time, by the clock of those who verify.
        keyring: the CA's Secret.
        leaf: the stored serving certificate, or None.
        leaf_authority: PEM; the CA stored beside it.
        leaf_requested: somebody asked for a new serving certificate.
        targets: all that carries a caBundle.
        replicas: all that serves.
        names: DNS names that must be served.
        refused: targets that could not be written in this round.
        spread: how long a new CA is on its way to everybody before it signs.
        told: since when, at the latest, all targets have carried what they should; None: unknown.
    """

    now: datetime
    keyring: Keyring
    leaf: Pair | None
    names: tuple[str, ...]
    leaf_authority: bytes = b""
    leaf_requested: bool = False
    targets: tuple[Target, ...] = ()
    replicas: tuple[Replica, ...] = ()
    refused: frozenset[str] = frozenset()
    spread: timedelta = timedelta(0)
    told: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReplaceAuthority:
    """Make a new CA, and go on trusting these."""

    previous: tuple[bytes, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Keep the CA, and beside it trust these and no others."""

    previous: tuple[bytes, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Inject:
    """Put this caBundle into a target."""

    target: Target
    bundle: str


@dataclass(frozen=True, slots=True)
class IssueLeaf:
    """Make a new serving certificate for these names."""

    names: tuple[str, ...]
    reason: str


Action: TypeAlias = ReplaceAuthority | Trust | Inject | IssueLeaf


@dataclass(frozen=True, slots=True)
class Act:
    """Do this, then look again."""

    action: Action


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done just now; the reason says what for."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """All is as it should be."""


Decision: TypeAlias = Act | Wait | Done
_Step: TypeAlias = Callable[[Seen], Action | Wait | None]


def decide(seen: Seen) -> Decision:
    """The one next thing to do: the first step that does not hold yet."""
    for step in _STEPS:
        match step(seen):
            case None:
                continue
            case Wait() as wait:
                return wait
            case action:
                return Act(action)
    return Done()


def decide_bundles(seen: Seen) -> Decision:
    """The next caBundle to repair; the rest of the ladder is left alone."""
    action = _bundles(seen)
    return Done() if action is None else Act(action)


def lagging(seen: Seen) -> str | None:
    """Why one of the replicas proves no certificate of the present CA; None when all do."""
    return next(filter(None, (_lag(seen, each) for each in seen.replicas)), None)


def _authority(seen: Seen) -> Action | None:
    """There is a CA that can sign, and nobody asks for another."""
    signer = seen.keyring.signer
    problem = flaw(signer, seen.now) if signer else "is missing"
    if problem is None and seen.keyring.requested and not seen.keyring.previous:
        problem = "was asked to be replaced"
    if problem is None:
        return None
    kept = _living((*seen.keyring.trusted, *_signers_of_served(seen)), seen.now)
    return ReplaceAuthority(kept, f"CA {problem}")


def _trusted_meanwhile(seen: Seen) -> Action | None:
    """Whatever is served now is trusted by what the targets are about to be told."""
    if lost := _living(_signers_of_served(seen), seen.now):
        kept = (*seen.keyring.previous, *lost)
        return Trust(kept, "a CA that is not ours any more has signed what is served")
    return None


def _bundles(seen: Seen) -> Inject | None:
    """Every target trusts exactly the CAs that sign now or have signed what is served."""
    wanted = bundle(seen.keyring.trusted)
    for target in seen.targets:
        if target.name not in seen.refused and set(target.bundles) - {wanted}:
            return Inject(target, wanted)
    return None


def _leaf(seen: Seen) -> Action | Wait | None:
    """The serving certificate is good, and signed by the CA that signs now."""
    signer, leaf = seen.keyring.signer, seen.leaf
    problem = flaw(leaf, seen.now, issuer=signer, names=seen.names) if leaf else "is missing"
    if problem is None and seen.leaf_requested:
        problem = "was asked to be replaced"
    if problem is None:
        return None
    if _still_serves(seen):
        if distrust := _distrust(seen):
            return Wait(f"{distrust} cannot be told of the new CA, so the old one goes on serving")
        told = [issued_at(signer.parsed)] if signer else []
        told += [seen.told] if seen.told else []
        if told and seen.now < max(told) + seen.spread:
            return Wait("the new CA is on its way to every API server")
    names = dict.fromkeys((*seen.names, *(dns_names(leaf) if leaf else ())))
    return IssueLeaf(tuple(names), f"Serving certificate {problem}")


def _previous(seen: Seen) -> Action | Wait | None:
    """No CA is trusted longer than something it signed is served."""
    previous = seen.keyring.previous
    if not previous:
        return None
    living = _living(previous, seen.now)
    if living != previous:
        return Trust(living, "an old CA has expired")
    if not seen.replicas:
        return Wait("no replica is seen that could prove which certificate it serves")
    if late := lagging(seen):
        return Wait(late)
    if distrust := _distrust(seen):
        return Wait(f"{distrust} does not trust the new CA yet")
    return Trust((), "every replica serves a certificate of the new CA")


_STEPS: Final[tuple[_Step, ...]] = (
    _authority,
    _trusted_meanwhile,
    _bundles,
    _leaf,
    _previous,
)


def _living(certificates: Iterable[bytes], now: datetime) -> tuple[bytes, ...]:
    return tuple(each for each in dict.fromkeys(certificates) if not expired(each, now))


def _signers_of_served(seen: Seen) -> tuple[bytes, ...]:
    """CAs outside our keyring that have signed what is served, as far as anybody still has them.

    A CA whose Secret is lost is found again beside the certificate it signed, or in a caBundle.
    """
    served = [each.certificate for each in seen.replicas if each.certificate]
    served += [seen.leaf.certificate] if seen.leaf else []
    trusted = seen.keyring.trusted
    strays = [each for each in served if not any(signed(each, ca) for ca in trusted)]
    if not strays:
        return ()
    known = [*certificates_in(seen.leaf_authority)]
    known += [ca for target in seen.targets for held in target.bundles for ca in held_in(held)]
    return tuple(ca for ca in known if any(signed(stray, ca) for stray in strays))


def _distrust(seen: Seen) -> str | None:
    """A target that does not trust the CA that signs now."""
    signs = seen.keyring.trusted[:1]
    return next((t.name for t in seen.targets for ca in signs if not t.trusts(ca)), None)


def _still_serves(seen: Seen) -> bool:
    """Whether the stored certificate is of an old CA and good enough to wait with."""
    leaf, signer = seen.leaf, seen.keyring.signer
    if leaf is None or signer is None or leaf.signed_by(signer) or not leaf.matches:
        return False
    issued = any(signed(leaf.certificate, ca) for ca in seen.keyring.previous)
    return issued and not expired(leaf.certificate, seen.now)


def _lag(seen: Seen, replica: Replica) -> str | None:
    """Why this replica does not prove that it serves a certificate of the present CA."""
    if replica.certificate is None:
        return f"{replica.address} is not reached: {replica.problem}"
    signer = seen.keyring.signer
    if signer is None or not signed(replica.certificate, signer.certificate):
        if any(signed(replica.certificate, ca) for ca in seen.keyring.previous):
            return f"{replica.address} still serves a certificate of an old CA"
        return f"{replica.address} serves a certificate of a CA nobody here knows"
    if expired(replica.certificate, seen.now):
        return f"{replica.address} serves a certificate that has expired"
    return None
