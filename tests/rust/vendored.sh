#!/bin/sh
# SPDX-License-Identifier: MIT
# The feature `vendored`: the crate as it is packed compiles the library that is in it, where there is neither a library nor
# pkg-config. The README's first steps and the crate's tests run with it.
#   vendored.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
. "$source/tests/shared/readme.sh"
readme=$source/bindings/rust/README.md
folder=$build/rust-vendored

# What differs from the last time only is new to cargo, since the library takes a minute to compile.
packed=$work/packed
pack() {
    cargo package --locked --quiet --no-verify --allow-dirty -p zcnet-sys --target-dir "$work/target" &&
        mkdir "$packed" && tar -xmf "$work"/target/package/zcnet-sys-*.crate -C "$packed" || return
    mv "$packed"/zcnet-sys-* "$packed/zcnet-sys" && rm -f "$packed/zcnet-sys/.cargo_vcs_info.json"
    cp -R zcnet Cargo.lock README.md "$packed" &&
        printf '[workspace]\nmembers = ["zcnet-sys", "zcnet"]\n' >"$packed/Cargo.toml" || return
    mkdir -p "$folder/bindings"
    diff -qr -x Cargo.lock "$packed" "$folder/bindings/rust" >/dev/null 2>&1 && return
    rm -rf "$folder/bindings/rust" && mv "$packed" "$folder/bindings/rust"
}
step "the crate is packed" pack
[ "$faults" -eq 0 ] || finish

unset LD_LIBRARY_PATH
PKG_CONFIG=false PKG_CONFIG_PATH= CARGO_NET_OFFLINE=true
export PKG_CONFIG PKG_CONFIG_PATH CARGO_NET_OFFLINE
newcomer() (
    rm -rf "$folder/hello" && cd "$folder" || exit 1
    CARGO_TARGET_DIR=$folder/target
    export CARGO_TARGET_DIR
    set -e
    . "$work/commands"
    cp "$work/main.rs" src/main.rs
    timeout 900 cargo run --quiet >"$work/printed"
)
block rust "$readme" >"$work/main.rs"
block sh "$readme" | sed -n '/^make install/d; s/^\(cargo add [^#]*\)#.*/\1 --features vendored/; p' >"$work/commands"
step "the README says how" grep -q 'features vendored' "$work/commands"
step "the README's commands" newcomer
same "it prints what the README says" "$(printed "$readme" 'cargo run')" "$(cat "$work/printed")"
cd "$folder/bindings/rust" || exit 1
step "tests" env CARGO_TARGET_DIR="$folder/target" cargo test --quiet -p zcnet --features vendored

# refused SENTENCE WORD…: it does not build, and says why.
refused() {
    sentence=$1
    shift
    ! env CARGO_TARGET_DIR="$folder/refused" "$@" >"$work/refused" 2>&1 && grep -q "$sentence" "$work/refused" && return
    cat "$work/refused"
    return 1
}
step "the feature is forbidden" refused 'libzcnet was not found' ZCNET_NO_VENDOR=1 \
    cargo check --quiet -p zcnet --features vendored
step "the feature is off" refused 'the feature `vendored` is off' ZCNET_SYS_VENDORED=1 cargo check --quiet -p zcnet
finish
