#!/bin/sh
# SPDX-License-Identifier: MIT
# The version has one home, include/zcnet/version.h: what other tools have to be told besides says the same. The symbols
# file of the Debian package has every name of the map.
#   versions.sh SOURCE VERSION
set -eu
source=$1 version=$2
faults=0
# said WHERE WHAT
said() {
    [ "$2" = "$version" ] || {
        echo "$1 says '$2', not $version"
        faults=$((faults + 1))
    }
}
said debian/changelog "$(sed -n '1s/^zcnet (\(.*\)-[^-]*).*/\1/p' "$source/debian/changelog")"
said packaging/rpm/zcnet.spec "$(sed -n 's/^Version: *//p' "$source/packaging/rpm/zcnet.spec")"
said packaging/vcpkg/zcnet/vcpkg.json "$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$source/packaging/vcpkg/zcnet/vcpkg.json")"
said bindings/python/pyproject.toml "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/bindings/python/pyproject.toml")"
for crate in zcnet-sys zcnet examples bench; do
    said "bindings/rust/$crate/Cargo.toml" "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/bindings/rust/$crate/Cargo.toml")"
done
said "what bindings/rust/zcnet/Cargo.toml asks of zcnet-sys" \
    "$(sed -n 's/^zcnet-sys = .*version = "=\([0-9.]*\)".*/\1/p' "$source/bindings/rust/zcnet/Cargo.toml")"
said bindings/rust/zcnet-sys/src/declarations.rs "$(sed -n 's/^pub const ZCN_VERSION_\(MAJOR\|MINOR\|PATCH\): .* = \([0-9]*\);$/\2/p' \
    "$source/bindings/rust/zcnet-sys/src/declarations.rs" | paste -sd.)"
said CHANGELOG.md "$(sed -n 's/^## \([0-9.]*\),.*/\1/p' "$source/CHANGELOG.md" | head -n 1)"

map=$(sed -n 's|^ *\(zcn_[a-z0-9_]*\);.*|\1|p' "$source/src/libzcnet.map" | sort | tr '\n' ' ')
symbols=$(sh "$source/scripts/debian_symbols.sh" "$source/src/libzcnet.map" |
    sed -n 's/^ \(zcn_[a-z0-9_]*\)@ZCNET_[0-9.]* [0-9.]*$/\1/p' | sort | tr '\n' ' ')
[ -n "$symbols" ] && [ "$symbols" = "$map" ] || {
    echo "the symbols file and the map differ: $symbols"
    faults=$((faults + 1))
}
echo "$faults faults"
[ "$faults" -eq 0 ]
