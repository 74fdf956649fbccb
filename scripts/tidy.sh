#!/bin/sh
# SPDX-License-Identifier: MIT
# clang-tidy over the library and the tool; any finding fails. The build folder holds compile_commands.json.
#   scripts/tidy.sh BUILD
set -eu
tool=$(command -v clang-tidy-14 || command -v clang-tidy)
find src -name '*.cpp' | sort | xargs -P "${JOBS:-2}" -n 1 "$tool" -p "$1" --quiet --warnings-as-errors='*'
