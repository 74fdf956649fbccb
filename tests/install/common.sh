# SPDX-License-Identifier: MIT
# For the install tests: a work folder, steps with a name, and an end with their sum.
set -u
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
faults=0 unables=0

# step NAME COMMAND…: runs it and shows what it said when it fails.
step() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name: $*"
        cat "$work/said"
        faults=$((faults + 1))
    fi
}

# same NAME EXPECTED ACTUAL
same() {
    if [ "$2" = "$3" ]; then
        echo "ok      $1"
    else
        printf 'FAILED  %s\n--- expected\n%s\n--- found\n%s\n' "$1" "$2" "$3"
        faults=$((faults + 1))
    fi
}

# unable WHAT AND WHY: a part that cannot be tried on this machine.
unable() {
    echo "SKIPPED $1"
    unables=$((unables + 1))
}

# limited COMMAND…: the programs end by themselves; this is for the day that they do not.
limited() { timeout 60 "$@"; }

# Status 77, which counts as skipped, when nothing failed but a part could not be tried.
finish() {
    echo "$faults faults, $unables skipped"
    [ "$faults" -eq 0 ] || exit 1
    [ "$unables" -eq 0 ] || exit 77
    exit 0
}
