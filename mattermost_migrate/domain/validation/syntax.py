"""The small grammars of Kubernetes: names, labels, hosts, images, quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.canonical import quantities
from mattermost_migrate.domain.defaults.sizes import SIZES
from mattermost_migrate.domain.objects import ANNOTATIONS_LIMIT, annotations_size
from mattermost_migrate.domain.validation.field import Field, Finding

__all__ = [
    "annotation_map",
    "count",
    "host",
    "image",
    "is_subdomain",
    "labels",
    "object_name",
    "one_of",
    "pull_policy",
    "quantity",
    "secret_name",
    "size",
]

_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_LABEL: Final = re.compile(_LABEL)
_SUBDOMAIN: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LONGEST_SUBDOMAIN: Final = 253
_TAG: Final = r"\w[\w.-]{0,127}"
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_VERSION: Final = re.compile(rf"{_TAG}|{_DIGEST}|{_TAG}@{_DIGEST}", re.ASCII)
_IMAGE: Final = re.compile(
    r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
)
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_MOVING_TAGS: Final = frozenset({"latest", "master", "main", "nightly", "edge"})


def is_subdomain(text: str) -> bool:
    """Whether an object of the API can have that name."""
    return len(text) <= _LONGEST_SUBDOMAIN and _SUBDOMAIN.fullmatch(text) is not None


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return (not slash or is_subdomain(prefix)) and _QUALIFIED.fullmatch(name) is not None


def object_name(at: Field) -> Iterator[Finding]:
    """An installation's own name: it becomes a Service, and the value of labels."""
    if at.text and not _DNS_LABEL.fullmatch(at.text):
        yield at.invalid("must be a DNS label of at most 63 characters: it names a Service")
    elif at.text[:1].isdigit():
        yield at.caution("Services whose name begins with a digit need a recent Kubernetes")


def secret_name(at: Field) -> Iterator[Finding]:
    """The name of a Secret, a claim or another object; empty is no name."""
    if at and not is_subdomain(at.text):
        yield at.invalid("must be the name of an object: a DNS subdomain")


def host(at: Field) -> Iterator[Finding]:
    """A host of an Ingress; ``*.example.com`` too."""
    if at and not is_subdomain(at.text.removeprefix("*.")):
        yield at.invalid("must be a lower-case DNS name, without scheme, port or path")


def image(spec: Field) -> Iterator[Finding]:
    """The ``image`` and ``version`` beside each other in ``spec``."""
    repository, version = spec / "image", spec / "version"
    if repository and not _IMAGE.fullmatch(repository.text):
        yield repository.invalid("must be the repository of an image, without tag")
    if version and not _VERSION.fullmatch(version.text):
        yield version.invalid("must be a tag, a sha256 digest, or TAG@DIGEST")
    if version.text.lower() in _MOVING_TAGS:
        yield version.caution("a moving tag: pods of one installation may run different versions")


def size(at: Field) -> Iterator[Finding]:
    """A size the operator knows; it says nothing about others, and takes its default."""
    if at and at.text not in SIZES:
        yield at.caution("unknown to the operator, which takes 5000users instead")


def pull_policy(at: Field) -> Iterator[Finding]:
    """When to pull images."""
    yield from one_of(at, *_PULL_POLICIES)


def one_of(at: Field, *allowed: str) -> Iterator[Finding]:
    """One of these words, or nothing."""
    if at and at.value not in allowed:
        yield at.unsupported(*allowed)


def quantity(at: Field) -> Iterator[Finding]:
    """An amount such as ``50Gi``; the operator panics on a storage size that is none."""
    if not at.present or at.value == "":
        return
    try:
        amount = quantities.canonical(at.value)
    except (ValueError, TypeError):
        yield at.invalid("must be a quantity, such as 50Gi or 500m")
        return
    if amount.startswith("-"):
        yield at.invalid("must not be negative")


def count(at: Field) -> Iterator[Finding]:
    """So many of something."""
    if (at.number or 0) < 0:
        yield at.invalid("must not be negative")


def labels(at: Field) -> Iterator[Finding]:
    """Keys and values of labels, or of a node selector."""
    for key, value in at.entries():
        yield from _key(value, key)
        if value.text and not _QUALIFIED.fullmatch(value.text):
            yield value.invalid("must be a label value of at most 63 letters, digits, '-_.'")


def annotation_map(at: Field) -> Iterator[Finding]:
    """Keys of annotations, and the size of them all."""
    if not at:
        return
    for key, value in at.entries():
        yield from _key(value, key, lower=True)
    if annotations_size({key: value.text for key, value in at.entries()}) > ANNOTATIONS_LIMIT:
        yield at.required("must be at most 256 KiB in all")


def _key(at: Field, key: str, *, lower: bool = False) -> Iterator[Finding]:
    if not _is_key(key.lower() if lower else key):
        yield Field(at.path, key).invalid("must be a key, such as team or example.com/team")
