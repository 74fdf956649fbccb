#!/bin/sh
# SPDX-License-Identifier: MIT
# The Rust crates: their form, what their features need, and their tests against the library of the build folder.
#   package.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"

# quiet COMMAND…: succeeds without a warning.
quiet() { "$@" >"$work/quiet" 2>&1 && ! grep -q '^warning' "$work/quiet" || { cat "$work/quiet" && return 1; }; }

if cargo fmt --version >/dev/null 2>&1; then
    step "rustfmt" cargo fmt --check
else
    unable "rustfmt: rustup component add rustfmt"
fi
check() { step "$1" quiet cargo check --locked -p zcnet --all-targets --no-default-features --features "$2"; }
check "no feature" ""
features=$(sed -n '/^\[features\]/,/^$/s/^\([a-z]*\) = \["dep:.*/\1/p' zcnet/Cargo.toml)
for feature in $features; do check "$feature alone" "$feature"; done
all=$(echo $features | tr ' ' ,)
step "the declarations are those of the headers" cargo test --locked --quiet -p zcnet-sys
step "tests, $all" cargo test --locked --quiet -p zcnet --features "$all"
finish
