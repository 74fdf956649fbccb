#!/bin/sh
# SPDX-License-Identifier: MIT
# The comparison of ABIs finds what would break a program, and nothing else; then the library is compared with the last
# release, once there is one.
#   abi.sh SOURCE BUILD
set -u
source=$1 build=$2
for tool in abidw abidiff; do
    command -v $tool >/dev/null && continue
    echo "$tool is not installed"
    exit 77
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/scripts" "$work/include"
cp "$source/scripts/abi.sh" "$source/scripts/abi_reduce.py" "$work/scripts"
cp -R "$source/include/zcnet" "$work/include"
"$work/scripts/abi.sh" dump "$build" >/dev/null || exit 1
dump=$(find "$work/abi" -name '*.abi')
faults=0

# check WHAT STATUS [SED-EXPRESSION]: the library compared with a release that was a little different.
check() {
    sed -e "${3:-}" "$dump" >"$work/release.abi"
    if [ -n "${3:-}" ] && cmp -s "$dump" "$work/release.abi"; then
        echo "FAILED  $1: the dump does not have what was to be changed"
        faults=$((faults + 1))
        return
    fi
    "$work/scripts/abi.sh" check "$build" "$work/release.abi" >"$work/said" 2>&1
    status=$?
    if [ $status -eq "$2" ]; then
        echo "ok      $1"
    else
        echo "FAILED  $1: status $status"
        cat "$work/said"
        faults=$((faults + 1))
    fi
}
check "the same" 0
check "a function that is gone" 1 's/zcn_version_text/zcn_version_words/g'
check "a function that is new" 0 "/<elf-symbol name=.zcn_version_text/d; /<function-decl name=.zcn_version_text/,/<\/function-decl>/d"
in_struct='/<class-decl name=.zcn_listener_stats. size/,/<\/class-decl>/'
check "a struct that tells its size, and grew" 0 \
    "$in_struct{s/\(name=.zcn_listener_stats. size-in-bits=.\)384/\1320/;/layout-offset-in-bits=.320/,/<\/data-member>/d}"
in_event='/<class-decl name=.zcn_event. size/,/<\/class-decl>/'
check "a struct that does not, and grew" 1 \
    "$in_event{s/\(name=.zcn_event. size-in-bits=.\)512/\1448/;/layout-offset-in-bits=.448/,/<\/data-member>/d}"
check "a field that moved" 1 "$in_struct{s/\(layout-offset-in-bits=.\)128/\1192/}"
echo "$faults faults"
[ $faults -eq 0 ] || exit 1
[ -d "$source/abi" ] || exit 0
"$source/scripts/abi.sh" check "$build"
