#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy over the library and the tool; any finding fails. The build folder holds compile_commands.json.
#   scripts/tidy.sh BUILD
set -eu
tool=$(command -v clang-tidy-14 || command -v clang-tidy)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The commands may be another compiler's.
sed 's/ -fno-gnu-unique / /' "$1/compile_commands.json" >"$work/compile_commands.json"
find src -name '*.cpp' | sort | xargs -P "${JOBS:-2}" -n 1 "$tool" -p "$work" --quiet --warnings-as-errors='*'
