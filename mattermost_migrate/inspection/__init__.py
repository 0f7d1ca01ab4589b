"""An independent opinion: is an installation whole, under way, or broken, and how?

It reads objects as the API server shows them and judges them by rules of its own. It shares the
spelling of names with the migration engine and nothing else (an import contract says so): what the
engine gets wrong, this must not get wrong in the same way. ``doctor`` shows it to people, and every
test of a migration ends with it.
"""

from mattermost_migrate.inspection.inspect import inspect, installations
from mattermost_migrate.inspection.scene import KINDS, Scene, needed_secrets
from mattermost_migrate.inspection.verdict import Finding, Flaw, State, Verdict

__all__ = [
    "KINDS",
    "Finding",
    "Flaw",
    "Scene",
    "State",
    "Verdict",
    "inspect",
    "installations",
    "needed_secrets",
]
