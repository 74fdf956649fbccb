#!/bin/sh
# SPDX-License-Identifier: MIT
# The C blocks of the README that are no whole programs compile too. (checks/readme compiles and runs those that are.)
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

awk -v work="$work" '
/^```c$/ { text = ""; whole = 0; inside = 1; next }
/^```/ {
    if (inside && !whole) printf "%s", text >sprintf("%s/line%04d.c", work, NR)
    inside = 0
    next
}
inside { text = text $0 "\n" }
inside && /^int main\(/ { whole = 1 }' "$root/README.md"

# What a program around them would bring.
cat >"$work/around.h" <<'END'
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <zcnet/zcnet.h>
void handle(const zcn_event *event);
END
fragments=0 faults=0
for fragment in "$work"/line*.c; do
    [ -f "$fragment" ] || continue
    fragments=$((fragments + 1))
    "${CC:-cc}" -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -Wno-unused-function -I"$root/include" \
        -include "$work/around.h" "$fragment" || faults=$((faults + 1))
done
echo "$fragments fragments, $faults faults"
[ "$fragments" -gt 0 ] && [ "$faults" -eq 0 ]
