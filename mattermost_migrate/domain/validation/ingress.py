"""Annotations of an Ingress that the operator itself reads or drops (operator facts 0.5, 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mattermost_migrate.domain.children.ingress import BODY_SIZE_KEY
from mattermost_migrate.domain.validation import syntax
from mattermost_migrate.domain.validation.field import Field, Finding

__all__ = ["ingress_annotations"]

_WHOLE: Final = re.compile(r"[+-]?\d+[mMgG]")


def ingress_annotations(at: Field) -> Iterator[Finding]:
    """What an Ingress carries; the operator takes the largest upload from one of them."""
    yield from syntax.annotation_map(at)
    for key, value in at.entries():
        if key == BODY_SIZE_KEY:
            yield from _body_size(value)
        elif "snippet" in key.lower():
            yield value.caution("a Mattermost's operator drops annotations with snippet in the key")
        elif "\n" in value.text or "\r" in value.text:
            yield value.caution("a Mattermost's operator drops values with line breaks")


def _body_size(at: Field) -> Iterator[Finding]:
    if not at.text:
        yield at.required("must not be empty: the operator panics on it")
    elif at.text[-1] in "mMgG" and not _WHOLE.fullmatch(at.text):
        yield at.caution("the operator reads no fractions: uploads are limited to 0 bytes")
