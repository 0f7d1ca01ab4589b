"""YAML that every reader takes for the same values.

Readers differ in what they make of a bare ``n``, ``1e3`` or ``0o17``: for kubectl a label ``n: y``
is ``false: true``. So a text that any of them may take for something else is put in quotes.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

__all__ = ["dump"]

_BASE: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: Beyond what PyYAML itself would take for a number or a truth value.
_DOUBTFUL: Final = re.compile(
    r"[yYnN]|[-+]?[0-9][0-9_]*\.?[0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?0[oO][0-7_]+|[-+]?[0-9][0-9_:.]*"
)
_BREAKS: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")
_TAG: Final = "tag:yaml.org,2002:bool"


class _Dumper(_BASE):  # type: ignore[misc, valid-type]  # with libyaml where there is one
    """Quotes doubtful texts, and writes a value out wherever it stands."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Readers disagree on which characters besides a line feed break a line."""
        style = '"' if _BREAKS.search(text) else None
        node: yaml.ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", text, style=style)
        return node

    def ignore_aliases(self, data: Any) -> bool:
        """Anchors save nothing here, and nobody wants to read them."""
        del data
        return True


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_implicit_resolver(
    _TAG, re.compile(rf"(?:{_DOUBTFUL.pattern})\Z"), list("yYnN-+.0123456789")
)


def dump(value: Any) -> str:
    """Block style, in the order the value has, without a newline at the end."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )
    return text.rstrip("\n")
