#!/bin/sh
# SPDX-License-Identifier: MIT
# The examples in Rust with each other, with those in C, and with the tool.
#   examples.sh SOURCE BUILD SCRIPT      a script of tests/languages
. "$(dirname "$0")/common.sh"
cargo build --locked --quiet --release -p zcnet-examples || exit 1
ZCNET=$build/zcnet EXAMPLES=$build/bindings/c \
    sh "$source/tests/languages/$3" Rust "$CARGO_TARGET_DIR/release"
