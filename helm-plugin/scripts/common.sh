# Where the plugin lives and where its private environment does; sourced by the other scripts.
#
# `helm plugin install FOLDER` makes a symbolic link to the folder. The environment then stands
# beside the link, so that a checkout stays clean and two Helm homes do not share one. So it does
# beside a clone, from which `helm plugin update` cleans away whatever git does not know (git clean
# -x). An unpacked archive has it inside and takes it along when it is uninstalled.

plugin_dir=${HELM_PLUGIN_DIR:?is set by helm}
plugin_dir=${plugin_dir%/}
if [ -L "$plugin_dir" ] || [ -e "$plugin_dir/.git" ]; then
    venv=$plugin_dir.venv
else
    venv=$plugin_dir/.venv
fi
