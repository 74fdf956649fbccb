#!/bin/sh
# SPDX-License-Identifier: MIT
# The Rust crates: their form, and their tests against the library of the build folder.
#   package.sh SOURCE BUILD
. "$(dirname "$0")/common.sh"
features=bytes,tokio,tracing
faults=0
step() {
    name=$1
    shift
    if "$@"; then echo "ok      $name"; else
        echo "FAILED  $name: $*"
        faults=$((faults + 1))
    fi
}
if cargo fmt --version >/dev/null 2>&1; then
    step "rustfmt" cargo fmt --check
else
    echo "        rustfmt is not here: rustup component add rustfmt"
fi
step "the declarations are those of the headers" cargo test --locked --quiet -p zcnet-sys
step "tests, all features" cargo test --locked --quiet -p zcnet --features "$features"
[ "$faults" -eq 0 ]
