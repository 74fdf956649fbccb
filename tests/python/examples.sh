#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples in Python against themselves, those in C and the tool.
#   examples.sh SOURCE BUILD SCRIPT      a script of tests/languages
. "$(dirname "$0")/common.sh"
programs=$(mktemp -d) || exit 1
trap 'rm -rf "$programs"' EXIT
for script in "$source"/bindings/python/examples/*.py; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$(command -v "$python")" "$script" >"$programs/$(basename "$script" .py)"
done
chmod +x "$programs"/*
BATCH=${BATCH:-20000} ZCNET=$build/zcnet EXAMPLES=$build/bindings/c \
    sh "$source/tests/languages/$3" Python "$programs"
