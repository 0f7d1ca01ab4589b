"""The builtin operator (``--operator=builtin``): keeps both kinds where no Go operator does.

Children are the Go operator's, field for field, so an installation can move between the two at any
time without a rollout. It differs where the operator harms: it keeps what others added, never takes
a child from an installation that is not frozen, deletes nothing that is not its own, and is idle
where nothing is to do.
"""

from controller.builtin.operator import BuiltinOperator

__all__ = ["BuiltinOperator"]
