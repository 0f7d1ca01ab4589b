"""What is wrong with an installation, found when it is written and not when it is reconciled.

One module a kind, over modules of shared rules; all are generators of ``Fault`` (refused) and
``Caution`` (legal, but will hurt). ``validate`` runs them all, so every fault is named at once.
"""

from __future__ import annotations

from mattermost_migrate.domain.validation.verdict import Verdict, validate

__all__ = ["Verdict", "validate"]
