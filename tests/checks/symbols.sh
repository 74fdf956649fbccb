#!/bin/sh
# SPDX-License-Identifier: MIT
# What the headers declare, what the symbol map lists and what the shared library shows are the same names.
#   symbols.sh INCLUDE MAP LIBRARY
set -eu
include=$1 map=$2 library=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A declaration reaches from ZCN_API at the start of a line to its semicolon; its name stands before the first bracket.
cat "$include"/zcnet/*.h | awk '
/^ZCN_API/ { text = ""; inside = 1 }
inside { text = text " " $0 }
inside && /;/ {
    inside = 0
    if (match(text, /[A-Za-z0-9_]+\(/)) print substr(text, RSTART, RLENGTH - 1)
    else print "unreadable:" text
}' | sort >"$work/headers"

# Nodes of the map, without comments: the names between "global:" and "local:".
tr '\n' ' ' <"$map" | sed 's|/\*[^*]*\*\([^/*][^*]*\*\)*/||g' | sed 's|}|;local:;|g' | tr '{;' '\n\n' | awk '
{ gsub(/[ \t]/, "") }
sub(/^global:/, "") { global = 1 }
sub(/^local:/, "") { global = 0 }
global && $0 != "" { print }' | sort >"$work/map"

nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >"$work/library"

faults=0
compare() {
    for side in "$1 $2" "$2 $1"; do
        set -- $side
        comm -23 "$work/$1" "$work/$2" | sed "s/^/in the $1, not in the $2: /" >"$work/difference"
        [ ! -s "$work/difference" ] || {
            cat "$work/difference"
            faults=1
        }
    done
}
for list in headers map library; do
    if [ ! -s "$work/$list" ]; then
        echo "no name was found in the $list"
        faults=1
    fi
    uniq -d "$work/$list" | sed "s/^/twice in the $list: /" >"$work/twice"
    [ ! -s "$work/twice" ] || {
        cat "$work/twice"
        faults=1
    }
    if grep -v '^zcn_' "$work/$list" | sed "s/^/a foreign name in the $list: /" | grep .; then faults=1; fi
done
compare headers map
compare map library
echo "$(wc -l <"$work/library") symbols, $([ $faults -eq 0 ] && echo 'all lists agree' || echo 'the lists differ')"
exit $faults
