#!/bin/sh
# SPDX-License-Identifier: MIT
# What the crates' README tells a newcomer to do, word for word, in an empty folder.
#   first_steps.sh SOURCE BUILD LIBDIR
libdir=$3
. "$(dirname "$0")/common.sh"
. "$source/tests/shared/readme.sh"
readme=$source/bindings/rust/README.md
block sh "$readme" >"$work/commands"
block rust "$readme" >"$work/main.rs"
step "no more than five commands" few "$work/commands" 1

no_root "$work/bin" "$build" "$work/prefix"
newcomer() (
    mkdir "$work/checkout" && cd "$work/checkout" && ln -s "$source/bindings" bindings || exit 1
    PATH=$work/bin:$PATH PKG_CONFIG_PATH=$work/prefix/$libdir/pkgconfig LD_LIBRARY_PATH=$work/prefix/$libdir
    # The crates that were fetched, and a folder of its own to build in.
    CARGO_NET_OFFLINE=true
    export PATH PKG_CONFIG_PATH LD_LIBRARY_PATH CARGO_NET_OFFLINE
    unset CARGO_TARGET_DIR
    set -e
    . "$work/commands"
    cp "$work/main.rs" src/main.rs
    timeout 300 cargo run --quiet >"$work/printed"
)
step "the README's commands" newcomer
same "it prints what the README says" "$(printed "$readme" 'cargo run')" "$(cat "$work/printed")"
finish
