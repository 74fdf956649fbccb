#!/bin/sh
# SPDX-License-Identifier: MIT
# Each header of a folder compiles alone, and twice in a row.
#   headers.sh FOLDER LANGUAGE COMPILER FLAG…      LANGUAGE is c or c++
set -eu
folder=$1 language=$2
shift 2

count=0 faults=0
for header in $(cd "$folder" && find . -name '*.h' -o -name '*.hpp' | sed 's|^\./||' | sort); do
    count=$((count + 1))
    if ! printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        "$@" -x "$language" -I "$folder" -fsyntax-only -; then
        echo "$header does not compile alone: $*"
        faults=$((faults + 1))
    fi
done
echo "$count headers, $faults faults"
[ "$count" -gt 0 ] && [ "$faults" -eq 0 ]
