#!/bin/sh
# SPDX-License-Identifier: MIT
# Formats the sources in place; with --check it changes nothing and fails where something would change.
set -eu
cd "$(dirname "$0")/.."
tool=$(command -v clang-format-14 || command -v clang-format)
mode=-i
[ "${1:-}" != --check ] || mode='--dry-run --Werror'
find include src tests bindings/cpp -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cpp' | xargs "$tool" $mode
