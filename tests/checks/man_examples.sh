#!/bin/sh
# SPDX-License-Identifier: MIT
# The example programs of the manual are strict C99, end by themselves with status 0, and each stands in a page.
#   man_examples.sh EXAMPLES PAGES BUILD
set -u
examples=$1 pages=$2 build=$(cd "$3" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
PKG_CONFIG_PATH=$build/pkgconfig LD_LIBRARY_PATH=$build PATH=$build:$PATH
export PKG_CONFIG_PATH LD_LIBRARY_PATH PATH
flags=$(pkg-config --cflags --libs libzcnet) || exit 1

programs=0 faults=0
fault() {
    echo "FAILED  $1"
    [ ! -f "$work/said" ] || cat "$work/said"
    faults=$((faults + 1))
}
for source in "$examples"/*; do
    programs=$((programs + 1))
    name=$(basename "$source")
    rm -f "$work/said"
    case $name in
        *.c)
            ${CC:-cc} -std=c99 -D_DEFAULT_SOURCE -Wall -Wextra -pedantic -Werror "$source" $flags -o "$work/program" \
                >"$work/said" 2>&1 || {
                fault "$name does not compile"
                continue
            }
            set -- "$work/program"
            ;;
        *.sh) set -- sh -e "$source" ;;
        *)
            fault "$name: nobody knows how to run this"
            continue
            ;;
    esac
    if timeout 60 "$@" >"$work/said" 2>&1; then echo "ok      $name"; else fault "$name ends with status $?"; fi

    # A page has the example from its second line on; roff writes some characters in its own way.
    sed -e 1d -e 's/[\\-]//g' -e 's/[^ -~]//g' "$source" | grep -v SPDX >"$work/example"
    found=
    for page in "$pages"/man?/*.?; do
        sed -e 's/\\e//g' -e 's/\\\[u[0-9A-F]*\]//g' -e 's/^\\&//' -e 's/[\\-]//g' "$page" >"$work/page"
        if awk 'NR == FNR { want[++count] = $0; next }
                { if ($0 == want[at + 1]) at++; else at = $0 == want[1]; if (at == count) found = 1 }
                END { exit !found }' "$work/example" "$work/page"; then
            found=$page
            break
        fi
    done
    [ -n "$found" ] || fault "$name stands in no page"
done
echo "$programs programs, $faults faults"
[ "$programs" -gt 0 ] && [ "$faults" -eq 0 ]
