"""The ladder in a small world: two replicas that pick a certificate up late, three callers.

Every order of "the keeper acts" and "a replica picks up what is stored" is walked. Because the
ladder remembers nothing, each state on the way is also a death of the keeper at that write.
"""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Pair, authority, expired, leaf, service_names, signed
from certs.injection import bundle, held_in
from certs.ladder import (
    Act,
    Done,
    Inject,
    IssueLeaf,
    Keyring,
    ReplaceAuthority,
    Replica,
    Seen,
    Target,
    Trust,
    Wait,
    decide,
)

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
NAMES = service_names("hook", "acme")
CALLERS = ("Validating/mm", "Mutating/mm", "CRD/ci")
GARBAGE = Pair(b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----", b"no key")


def key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@functools.cache
def make_authority(number: int, now: datetime) -> Pair:
    return authority(now, keys=lambda: key(number))


@functools.cache
def make_leaf(issuer: Pair, number: int, now: datetime) -> Pair:
    return leaf(issuer, NAMES, now, keys=lambda: key(number))


@functools.cache
def verifies(certificate: bytes, by: bytes) -> bool:
    return signed(certificate, by)


@dataclass(frozen=True, slots=True)
class World:
    """What is stored, what is written where, and what each replica serves."""

    ring: Keyring = field(default_factory=Keyring)
    leaf: Pair | None = None
    beside: bytes = b""
    bundles: tuple[str, ...] = ("", "", "")
    served: tuple[Pair | None, ...] = (None, None)
    now: datetime = NOW
    made: int = 100  # keys used up so far
    asked_for_leaf: bool = False
    locked: frozenset[str] = frozenset()  # targets that nobody lets us write

    def seen(self) -> Seen:
        return Seen(
            now=self.now,
            keyring=self.ring,
            leaf=self.leaf,
            names=NAMES,
            leaf_authority=self.beside,
            leaf_requested=self.asked_for_leaf,
            targets=tuple(
                Target(name, (held,)) for name, held in zip(CALLERS, self.bundles, strict=True)
            ),
            replicas=tuple(
                Replica(f"r{i}", served.certificate if served else None, "down")
                for i, served in enumerate(self.served)
            ),
            refused=self.locked,
        )

    def acted(self) -> World | None:
        """The world after the keeper's next write, or None when it has nothing to write."""
        decision = decide(self.seen())
        if not isinstance(decision, Act):
            return None
        made = self.made + 1
        match decision.action:
            case ReplaceAuthority(previous):
                ring = Keyring(make_authority(made, self.now), previous)
                return replace(self, ring=ring, made=made)
            case Trust(previous):
                return replace(self, ring=dataclasses.replace(self.ring, previous=previous))
            case IssueLeaf():
                assert self.ring.signer is not None
                fresh = make_leaf(self.ring.signer, made, self.now)
                beside = self.ring.signer.certificate
                return replace(self, leaf=fresh, beside=beside, made=made, asked_for_leaf=False)
            case Inject(target, text):
                held = [*self.bundles]
                held[CALLERS.index(target.name)] = text
                return replace(self, bundles=tuple(held))

    def picked_up(self, index: int) -> World | None:
        """The world after a replica loads what is stored, or None when it has it already."""
        if self.leaf is None or not self.leaf.matches or self.served[index] == self.leaf:
            return None
        served = [*self.served]
        served[index] = self.leaf
        return replace(self, served=tuple(served))

    def failing(self) -> list[str]:
        """Calls that would fail: a caller and the replica it does not trust."""
        return [
            f"{caller} -> r{index}"
            for caller, held in zip(CALLERS, self.bundles, strict=True)
            for index, served in enumerate(self.served)
            if not self._succeeds(held, served)
        ]

    def _succeeds(self, held: str, served: Pair | None) -> bool:
        if served is None or expired(served.certificate, self.now):
            return False
        return any(
            verifies(served.certificate, ca) and not expired(ca, self.now) for ca in held_in(held)
        )

    def outcomes(self) -> Iterator[World]:
        for world in (self.acted(), *(self.picked_up(i) for i in range(len(self.served)))):
            if world is not None:
                yield world


def at_rest() -> World:
    signer = make_authority(1, NOW)
    serving = make_leaf(signer, 2, NOW)
    held = bundle([signer.certificate])
    return World(Keyring(signer), serving, signer.certificate, (held,) * 3, (serving, serving))


def settled(world: World) -> World:
    """Let the keeper act and the replicas pick up until nothing moves any more."""
    for _ in range(60):
        moved = next(world.outcomes(), None)
        if moved is None:
            return world
        world = moved
    raise AssertionError(f"it goes on for ever: {decide(world.seen())}")


def half_rotated() -> World:
    """A rotation whose keeper died after the second caller learned of the new CA."""
    world = replace(at_rest(), ring=replace(at_rest().ring, requested=True))
    for _ in range(3):
        world = world.acted() or world
    return world


#: Whatever happens, no call may fail on the way from here.
GENTLE = {
    "at rest": at_rest(),
    "a new CA is asked for": replace(at_rest(), ring=replace(at_rest().ring, requested=True)),
    "a new leaf is asked for": replace(at_rest(), asked_for_leaf=True),
    "the leaf is due": replace(at_rest(), now=NOW + timedelta(days=5)),
    "the CA is due, its leaf is new": replace(
        at_rest(),
        now=NOW + timedelta(days=300),
        leaf=(late := make_leaf(make_authority(1, NOW), 3, NOW + timedelta(days=299))),
        served=(late, late),
    ),
    "the CA's Secret was deleted": replace(at_rest(), ring=Keyring()),
    "the leaf's Secret was deleted": replace(at_rest(), leaf=None, beside=b""),
    "both Secrets were deleted": replace(at_rest(), ring=Keyring(), leaf=None, beside=b""),
    "garbage in the CA's Secret": replace(at_rest(), ring=Keyring(GARBAGE)),
    "garbage in the leaf's Secret": replace(at_rest(), leaf=GARBAGE, beside=b"garbage"),
    "the CA's Secret is half-written": replace(
        at_rest(),
        ring=Keyring(Pair(make_authority(1, NOW).certificate, make_authority(9, NOW).key)),
    ),
    "the leaf's Secret is half-written": replace(
        at_rest(), leaf=Pair(make_leaf(make_authority(1, NOW), 2, NOW).certificate, b"")
    ),
    "somebody put a CA of his own": replace(at_rest(), ring=Keyring(make_authority(8, NOW))),
    "a rotation was left half-way": half_rotated(),
    "the CA's Secret is lost half-way": replace(half_rotated(), ring=Keyring()),
    "another new CA is asked for half-way": replace(
        half_rotated(), ring=replace(half_rotated().ring, requested=True)
    ),
}
#: Calls fail already; in the end they must not.
BROKEN = {
    "every caBundle was set back to the CA before": replace(
        settled(replace(at_rest(), ring=replace(at_rest().ring, requested=True))),
        served=at_rest().served,
        bundles=(bundle([make_authority(1, NOW).certificate]),) * 3,
    ),
    "nothing at all": World(),
    "a caBundle was overwritten": replace(
        at_rest(), bundles=(bundle([make_authority(7, NOW).certificate]), *at_rest().bundles[1:])
    ),
    "a caBundle is garbage": replace(at_rest(), bundles=("!!", *at_rest().bundles[1:])),
    "every caBundle was emptied": replace(at_rest(), bundles=("", "", "")),
    "the clock jumped a month on": replace(at_rest(), now=NOW + timedelta(days=31)),
    "the clock jumped ten years on": replace(at_rest(), now=NOW + timedelta(days=3650)),
    "the clock jumped a year back": replace(at_rest(), now=NOW - timedelta(days=365)),
}


@pytest.mark.parametrize("start", GENTLE.values(), ids=GENTLE.keys())
def test_no_call_fails_in_any_order_and_after_any_death(start: World) -> None:
    known, ahead = {start}, [start]
    while ahead:
        world = ahead.pop()
        assert world.failing() == [], decide(world.seen())
        fresh = [each for each in world.outcomes() if each not in known]
        known.update(fresh)
        ahead.extend(fresh)

    for world in known:
        assert decide(settled(world).seen()) == Done()


@pytest.mark.parametrize("start", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_whole_again_in_any_order(start: World) -> None:
    known, ahead = {start}, [start]
    while ahead:
        fresh = [each for each in ahead.pop().outcomes() if each not in known]
        known.update(fresh)
        ahead.extend(fresh)

    for world in known:
        last = settled(world)
        assert decide(last.seen()) == Done()
        assert last.failing() == []


def test_at_rest_nothing_is_written() -> None:
    assert decide(at_rest().seen()) == Done()


def test_a_rotation_takes_these_steps_and_waits_for_the_slowest_replica() -> None:
    world = replace(at_rest(), ring=replace(at_rest().ring, requested=True))
    done: list[str] = []
    while isinstance(decision := decide(world.seen()), Act):
        done.append(type(decision.action).__name__)
        world = world.acted() or world

    assert done == ["ReplaceAuthority", "Inject", "Inject", "Inject", "IssueLeaf"]
    assert decision == Wait("r0 still serves a certificate of an old CA")
    world = world.picked_up(0) or world
    assert decide(world.seen()) == Wait("r1 still serves a certificate of an old CA")
    world = world.picked_up(1) or world
    assert decide(world.seen()) == Act(
        Trust((), "every replica serves a certificate of the new CA")
    )


def test_a_new_authority_signs_only_when_it_had_time_to_spread() -> None:
    world = replace(at_rest(), ring=replace(at_rest().ring, requested=True))
    for _ in range(4):
        world = world.acted() or world
    seen = replace(world.seen(), spread=timedelta(seconds=5))

    assert decide(seen) == Wait("the new CA is on its way to every API server")
    assert isinstance(decide(replace(seen, now=NOW + timedelta(seconds=5))), Act)


def test_a_caller_that_cannot_be_told_keeps_the_old_certificate_served() -> None:
    world = replace(
        at_rest(),
        ring=replace(at_rest().ring, requested=True),
        locked=frozenset({CALLERS[1]}),
    )
    last = settled(world)

    assert decide(last.seen()) == Wait(
        f"{CALLERS[1]} cannot be told of the new CA, so the old one goes on serving"
    )
    assert last.failing() == []


def test_a_caller_that_cannot_be_told_does_not_stop_an_ordinary_renewal() -> None:
    world = replace(
        at_rest(),
        now=NOW + timedelta(days=5),
        bundles=("!!", *at_rest().bundles[1:]),
        locked=frozenset({CALLERS[0]}),
    )

    assert settled(world).leaf != at_rest().leaf


def test_a_leaf_that_is_over_is_replaced_though_a_caller_cannot_be_told() -> None:
    world = replace(
        at_rest(),
        ring=replace(at_rest().ring, requested=True),
        locked=frozenset({CALLERS[1]}),
        now=NOW + timedelta(days=8),
    )

    assert settled(world).leaf != at_rest().leaf


def test_an_unreachable_replica_keeps_the_old_authority_trusted_until_it_expires() -> None:
    world = replace(
        at_rest(), ring=replace(at_rest().ring, requested=True), served=(at_rest().leaf, None)
    )
    last = world
    while moved := last.acted() or last.picked_up(0):
        last = moved
    assert decide(last.seen()) == Wait("r1 is not reached: down")

    later = replace(last, now=NOW + timedelta(days=366), served=(last.leaf, None))
    while moved := later.acted() or later.picked_up(0):
        later = moved
    assert make_authority(1, NOW).certificate not in later.ring.previous


def test_without_replicas_nothing_is_proven() -> None:
    world = replace(at_rest(), ring=replace(at_rest().ring, requested=True), served=())

    assert isinstance(decide(settled(world).seen()), Wait)


def test_names_that_were_served_before_are_served_on() -> None:
    signer = make_authority(1, NOW)
    serving = leaf(signer, ("localhost", *NAMES), NOW, keys=lambda: key(2))
    world = replace(at_rest(), leaf=serving, now=NOW + timedelta(days=5))

    decision = decide(world.seen())

    assert isinstance(decision, Act)
    assert isinstance(decision.action, IssueLeaf)
    assert decision.action.names == (*NAMES, "localhost")


def test_a_year_of_looks_with_late_replicas_and_deaths_loses_no_call() -> None:
    """Between two looks the keeper may die, and a replica be late by half a day."""
    chance, world, late = random.Random(1), at_rest(), [0, 0]
    renewed = set()
    for _ in range(366 * 4):
        world = replace(world, now=world.now + timedelta(hours=6))
        assert world.failing() == []
        if chance.random() < 0.01:
            world = replace(world, ring=replace(world.ring, requested=True))
        for _ in range(chance.randrange(5)):
            world = world.acted() or world
            assert world.failing() == []
        for index in range(2):
            late[index] = 0 if chance.random() < 0.5 else late[index] + 1
            if late[index] in (0, 2):
                late[index], world = 0, world.picked_up(index) or world
        renewed.add(world.leaf)

    assert len(renewed) > 366 / 7
