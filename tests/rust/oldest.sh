#!/bin/sh
# SPDX-License-Identifier: MIT
# The crates without features compile with the oldest Rust that they promise, and the README's program runs. By the compiler
# alone: the cargo of that time asks a registry in ways that few networks let through.
#   oldest.sh SOURCE BUILD
source=$1 build=$2
. "$source/tests/install/common.sh"
. "$source/tests/shared/readme.sh"
cd "$source/bindings/rust" || exit 1
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' zcnet/Cargo.toml)
same "both crates and the README promise the same" "$oldest $oldest" \
    "$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' zcnet-sys/Cargo.toml) $(sed -n 's/.*with Rust \([0-9.]*\) or later.*/\1/p' README.md)"

RUSTUP_AUTO_INSTALL=0
export RUSTUP_AUTO_INSTALL
rustc=
for candidate in "rustup run $oldest rustc" rustc /usr/bin/rustc; do
    case $($candidate --version 2>/dev/null) in "rustc $oldest."*) rustc=$candidate && break ;; esac
done
if [ -z "$rustc" ]; then
    unable "Rust $oldest is not here. Install: rustup toolchain install $oldest, or apt-get install rustc (Debian 12)"
    finish
fi
$rustc --version

# crate NAME SOURCE WORD…
crate() {
    crate=$1 file=$2
    shift 2
    $rustc --edition 2021 -D warnings -L "$work" --out-dir "$work" --crate-name "$crate" "$@" "$file"
}
step "zcnet-sys" crate zcnet_sys zcnet-sys/src/lib.rs --crate-type lib
step "zcnet" crate zcnet zcnet/src/lib.rs --crate-type lib --extern zcnet_sys
block rust README.md >"$work/main.rs"
step "the README's program" crate hello "$work/main.rs" --extern zcnet -L native="$build" -l zcnet
same "it prints what the README says" "$(printed README.md 'cargo run')" \
    "$(LD_LIBRARY_PATH=$build limited "$work/hello" 2>&1)"

# The build script needs a crate of others, where cargo has fetched that.
pkg_config=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/pkg-config-0.3*/src/lib.rs 2>/dev/null | tail -n 1)
if [ -n "$pkg_config" ]; then
    step "pkg-config" crate pkg_config "$pkg_config" --crate-type lib --cap-lints allow
    step "the build script" crate build_script zcnet-sys/build.rs --extern pkg_config
else
    unable "the build script, which needs the crate pkg-config: cargo fetch, in bindings/rust"
fi
finish
