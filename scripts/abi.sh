#!/bin/sh
# SPDX-License-Identifier: MIT
# The ABI of the shared library in BUILD, as the public headers show it.
#   scripts/abi.sh dump BUILD               writes abi/zcnet-VERSION.abi, with a release
#   scripts/abi.sh check BUILD [DUMP]       compares it with the last release, or with DUMP; status 77 where there is none
set -eu
job=$1 build=$2
library=$build/libzcnet.so
source=$(cd "$(dirname "$0")/.." && pwd)
for tool in abidw abidiff; do
    command -v $tool >/dev/null && continue
    echo "abi: SKIPPED: $tool is not installed"
    exit 77
done
version=$(awk '/define ZCN_VERSION_(MAJOR|MINOR|PATCH) / { text = text dot $3; dot = "." } END { print text }' \
    "$source/include/zcnet/version.h")
# Neither folders nor what the headers do not show.
dump() {
    abidw --exported-interfaces-only --drop-private-types --headers-dir "$source/include" --no-corpus-path \
        --no-comp-dir-path --short-locs --out-file "$1" "$library"
    python3 "$source/scripts/abi_reduce.py" "$1" "$source/include" ${2:+"$2"}
}

case $job in
    dump)
        mkdir -p "$source/abi"
        dump "$source/abi/zcnet-$version.abi"
        echo "abi: $source/abi/zcnet-$version.abi"
        ;;
    check)
        last=${3:-$(find "$source/abi" -name 'zcnet-*.abi' 2>/dev/null | sort -V | tail -n 1)}
        if [ -z "$last" ]; then
            echo "abi: SKIPPED: there is no release yet to compare with"
            exit 77
        fi
        work=$(mktemp -d)
        trap 'rm -rf "$work"' EXIT
        # What is only new breaks nobody.
        dump "$work/now.abi" "$last"
        status=0
        abidiff --no-added-syms "$last" "$work/now.abi" || status=$?
        if [ $status -ne 0 ]; then
            echo "abi: FAILED: it is not that of $(basename "$last" .abi) (abidiff: $status)" >&2
            exit 1
        fi
        echo "abi: as in $(basename "$last" .abi)"
        ;;
    *)
        echo "abi: dump or check" >&2
        exit 2
        ;;
esac
