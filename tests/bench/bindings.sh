#!/bin/sh
# SPDX-License-Identifier: MIT
# tests/bench/bindings.sh BUILD: what `make bench-bindings` calls. Other packages come from the languages' registries.
set -u
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")/../../bindings" || exit 1
status=0

# In the build folder's own library, not an installed one.
PKG_CONFIG_PATH=$build/pkgconfig LD_LIBRARY_PATH=$build
PATH=$PATH:/usr/local/go/bin
export PKG_CONFIG_PATH LD_LIBRARY_PATH PATH
case $(go env GOVERSION 2>/dev/null) in
    go1.2[4-9]* | go1.[3-9][0-9]* | go[2-9]*) (cd go/bench && go run . -build "$build") || status=1 ;;
    *) echo "skipped: Go (1.24 or later is not here: apt-get install golang-go, or https://go.dev/doc/install)" ;;
esac

case $(cargo --version 2>/dev/null) in
    'cargo 1.'[0-7][0-9].* | 'cargo 1.8'[0-4].* | '') echo "skipped: Rust (cargo 1.85 or later is not here: https://rustup.rs)" ;;
    *)
        (cd rust && CARGO_TARGET_DIR=$build/rust cargo run --locked --quiet --release -p zcnet-bench -- "$build/zcnet" \
            "$build/bindings/c/echo_server") || status=1
        ;;
esac

# Another python3 may stand before the system's.
python=$(for name in python3 /usr/bin/python3; do
    "$name" -c 'import sys, ctypes; sys.exit(sys.version_info < (3, 9))' 2>/dev/null && echo "$name" && break
done)
if [ -n "$python" ]; then
    ZCNET_LIBRARY=$build/libzcnet.so.0 PYTHONPATH=python PYTHONDONTWRITEBYTECODE=1 "$python" python/bench.py \
        "$build/zcnet" || status=1
else
    echo "skipped: Python (3.9 or later is not here: apt-get install python3)"
fi
exit $status
