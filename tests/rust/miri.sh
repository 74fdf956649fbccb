#!/bin/sh
# SPDX-License-Identifier: MIT
# What of the Rust crate is pure Rust, under Miri, which finds what no test sees: pointers used too late, or not as they may be.
#   miri.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
install='rustup toolchain install nightly --component miri --component rust-src'
toolchain=
for candidate in '' +nightly; do
    cargo $candidate miri --version >/dev/null 2>&1 && toolchain=found && break
done
if [ -z "$toolchain" ]; then
    echo "skipped: Miri is not here. Install: $install"
    exit 77
fi
cargo $candidate miri --version
if ! cargo $candidate miri setup >"$work/said" 2>&1; then
    echo "skipped: Miri cannot make the standard library that it needs: $(tail -n 1 "$work/said"). Install: $install"
    exit 77
fi
MIRIFLAGS=-Zmiri-strict-provenance cargo $candidate miri test --locked --quiet -p zcnet --test miri --features bytes
