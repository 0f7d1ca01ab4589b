#!/bin/sh
# Helm's install and update hook: makes the private virtual environment, or leaves nothing.
#
# It is made under another name and renamed when it is whole. A stamp says what it was made from,
# so running this again costs nothing. `repair` is what the launcher asks for when it is missing.
set -eu
. "${HELM_PLUGIN_DIR:?is set by helm}/scripts/common.sh"
reason=${1:-install}
made=$venv.new.$$
plugins=${plugin_dir%/*}

fail() {
    echo "mattermost-migrate: $1" >&2
    exit 1
}

leave_nothing() {
    code=$?
    rm -rf "$made"
    # Helm keeps a plugin whose hook failed, and would refuse to install it again. What it has put
    # among its plugins goes with it: the link to a folder, the clone, or what was in the archive.
    if [ "$code" -ne 0 ] && [ "$reason" = install ]; then
        if [ -L "$plugin_dir" ]; then
            rm -f "$plugin_dir"
        elif [ -n "${HELM_PLUGIN_NAME:-}" ] && [ "${plugins##*/}" = plugins ]; then
            rm -rf "$plugin_dir"
        fi
    fi
    exit "$code"
}
trap leave_nothing EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

new_enough='import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))'

find_python() {
    if [ -n "${MATTERMOST_MIGRATE_PYTHON:-}" ]; then
        "$MATTERMOST_MIGRATE_PYTHON" -c "$new_enough" 2>/dev/null ||
            fail "MATTERMOST_MIGRATE_PYTHON=$MATTERMOST_MIGRATE_PYTHON is no Python 3.11 or newer with venv"
        echo "$MATTERMOST_MIGRATE_PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$new_enough" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo "no python3 at all")
    fail "Python 3.11 or newer with venv is needed, and PATH has ${found}; install one, or name one in MATTERMOST_MIGRATE_PYTHON"
}

python=$(find_python) || exit 1
root=$(cd -P "$plugin_dir/.." && pwd)
pip="-m pip --disable-pip-version-check --no-input --quiet install --no-compile"

if [ -d "$plugin_dir/wheels" ]; then
    sources="$plugin_dir/wheels/requirements.txt"
elif [ -f "$root/requirements/runtime.txt" ] && [ -f "$root/pyproject.toml" ]; then
    sources="$root/requirements/runtime.txt $root/requirements/build.txt $root/pyproject.toml"
else
    fail "$plugin_dir holds neither wheels nor stands in a checkout: nothing to install from"
fi
# shellcheck disable=SC2086 # a list of files
stamp="$python $("$python" --version) $root $(cat $sources "$plugin_dir/plugin.yaml" | cksum)"

if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "mattermost-migrate: installing into $venv" >&2
rm -rf "$made"
"$python" -m venv "$made"
# shellcheck disable=SC2086 # pip's arguments
if [ -d "$plugin_dir/wheels" ]; then
    "$made/bin/python" $pip --no-index --find-links "$plugin_dir/wheels" --require-hashes \
        -r "$plugin_dir/wheels/requirements.txt" || fail "the bundled packages could not be installed"
else
    # A checkout: what is edited there takes effect at once.
    "$made/bin/python" $pip --require-hashes -r "$root/requirements/runtime.txt" \
        -r "$root/requirements/build.txt" || fail "the locked packages could not be installed: is a package index reachable?"
    "$made/bin/python" $pip --no-deps --no-build-isolation --editable "$root" ||
        fail "the checkout $root could not be installed"
fi
"$made/bin/python" -I -c 'import helm_mattermost_migrate.cli, mattermost_migrate.kube' ||
    fail "what was installed does not start"
echo "$stamp" >"$made/.stamp"
rm -rf "$venv.old.$$"
if [ -e "$venv" ]; then mv "$venv" "$venv.old.$$"; fi
mv "$made" "$venv"
rm -rf "$venv.old.$$"
