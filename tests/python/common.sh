# SPDX-License-Identifier: MIT
# For the tests of the Python package: finds an interpreter and the library of the build folder.
#   . common.sh SOURCE BUILD
set -u
source=$1 build=$2

# usable INTERPRETER: one that is new enough. Another python3 may stand before the system's.
usable() { "$1" -c 'import sys, ctypes, unittest; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; }
python=
for candidate in "${PYTHON:-}" python3 /usr/bin/python3; do
    [ -z "$candidate" ] || ! usable "$candidate" || { python=$candidate && break; }
done
if [ -z "$python" ]; then
    echo "skipped: Python 3.9 or later is needed, and there is $(python3 --version 2>/dev/null || echo none). Install: apt-get install python3"
    exit 77
fi
# A sanitizer's runtime would have to be the first library of the interpreter, so this is the plain build's.
ZCNET_LIBRARY=$build/libzcnet.so.0 PYTHONPATH=$source/bindings/python PYTHONDONTWRITEBYTECODE=1
PKG_CONFIG_PATH=$build/pkgconfig
export ZCNET_LIBRARY PYTHONPATH PYTHONDONTWRITEBYTECODE PKG_CONFIG_PATH
