#!/bin/sh
# SPDX-License-Identifier: MIT
# The Python package as a wheel, installed in a folder of its own; the README's programs run with it.
#   wheel.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
for builder in "$python" /usr/bin/python3; do
    "$builder" -c 'import setuptools, wheel' 2>/dev/null && "$builder" -m pip --version >/dev/null 2>&1 && break
    builder=
done
if [ -z "$builder" ]; then
    echo "skipped: pip, setuptools and wheel are needed. Install: apt-get install python3-pip python3-setuptools python3-wheel"
    exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH
# Building writes beside the sources.
cp -r "$source/bindings/python" "$work/package" || exit 1
pip() { "$builder" -m pip --disable-pip-version-check --quiet --no-cache-dir "$@"; }
pip wheel --no-deps --no-build-isolation --no-index --wheel-dir "$work" "$work/package" || exit 1
ls "$work"/zcnet-*-py3-none-any.whl || exit 1
pip install --no-deps --no-index --target "$work/site" "$work"/zcnet-*.whl || exit 1
if [ -e "$work/site/tests" ] || [ ! -f "$work/site/zcnet/aio.py" ]; then
    echo "FAILED: the wheel holds something else than the package"
    exit 1
fi

awk -v work="$work" '
/^```python$/ { inside = 1; count++; next }
/^```/ { inside = 0 }
inside { print >(work "/program" count ".py") }' "$source/bindings/python/README.md"
programs=0
cd "$work" || exit 1
for program in program*.py; do
    programs=$((programs + 1))
    said=$(PYTHONPATH=$work/site timeout 60 "$builder" "$program") && [ "$said" = hello ] && continue
    echo "FAILED: $program of the README says '$said'"
    exit 1
done
echo "$programs programs of the README"
[ "$programs" -eq 2 ]
