#!/bin/sh
# Helm's delete hook: the environment beside a linked plugin goes with it.
set -eu
. "${HELM_PLUGIN_DIR:?is set by helm}/scripts/common.sh"
rm -rf "$venv"
