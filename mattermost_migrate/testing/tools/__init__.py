"""The programs that a local cluster and the tests are made of, built once from Go modules.

Only Python is taken for granted on a machine: etcd, the control plane, kwok, kubectl and both
Helm majors are compiled from the modules in ``deploy/tools`` (their ``go.sum`` pins every byte of
source) and kept in a cache, one folder a version. The Go toolchain comes from PyPI where none fits.
"""

from mattermost_migrate.testing.tools.build import Progress, Toolbox, ready
from mattermost_migrate.testing.tools.catalogue import TOOLS, Tool, ToolError, cache_folder

__all__ = ["TOOLS", "Progress", "Tool", "ToolError", "Toolbox", "cache_folder", "ready"]
