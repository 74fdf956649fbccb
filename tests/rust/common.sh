# SPDX-License-Identifier: MIT
# For the tests of the Rust crates: finds cargo and the library of the build folder.
#   . common.sh SOURCE BUILD
source=$1 build=$2
. "$(dirname "$0")/../install/common.sh"
have=$(cargo --version 2>/dev/null) || have='no cargo'
case $have in
    'cargo 1.'[0-7][0-9].* | 'cargo 1.8'[0-4].* | 'no cargo')
        echo "skipped: cargo 1.85 or later is needed, and there is $have. Install: https://rustup.rs, or apt-get install cargo (Debian 13)"
        exit 77
        ;;
esac
cd "$source/bindings/rust" || exit 1
CARGO_TARGET_DIR=$build/rust CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-2} RUST_BACKTRACE=1
PKG_CONFIG_PATH=$build/pkgconfig LD_LIBRARY_PATH=$build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export CARGO_TARGET_DIR CARGO_BUILD_JOBS RUST_BACKTRACE PKG_CONFIG_PATH LD_LIBRARY_PATH
if ! cargo fetch --locked --quiet 2>"$work/said"; then
    # What differs between manifest and lock file is a fault of ours; a registry out of reach is not.
    grep -q 'lock file' "$work/said" && cat "$work/said" && exit 1
    echo "skipped: the crates that the tests need cannot be fetched: $(tail -n 1 "$work/said")"
    exit 77
fi
