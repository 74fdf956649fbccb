#!/bin/sh
# SPDX-License-Identifier: MIT
# The Python package: its tests, and those again under an interpreter with checks of its own, where there is one.
#   package.sh SOURCE BUILD [debug]
. "$(dirname "$0")/common.sh"
if [ "${3-}" = debug ]; then
    debug=$(command -v python3-dbg || ls /usr/bin/python3*-dbg 2>/dev/null | head -n 1)
    if [ -z "$debug" ] || ! usable "$debug"; then
        echo "skipped: there is no debug build of Python. Install: apt-get install python3-dbg"
        exit 77
    fi
    python=$debug
fi
"$python" -c 'import sys; print("Python", sys.version)'
cd "$source/bindings/python/tests" || exit 1
exec "$python" -X dev -W error -m unittest discover -s .
