# SPDX-License-Identifier: MIT
# For scripts that test: a folder to work in, $work, and the end of it and of the processes in $started, however the script
# ends. Sourced by the scripts of the folders beside this one.
work=$(mktemp -d "${TMPDIR:-/tmp}/zcnet-test.XXXXXX") || exit 1
started=

clean_up() {
    status=$?
    trap - EXIT
    for pid in $started; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
