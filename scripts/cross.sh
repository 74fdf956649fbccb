#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the library and its tests for other processors, and runs them under emulation: two that order memory weakly,
# and one whose numbers begin with the highest byte. On Debian and its kin.
#   scripts/cross.sh FOLDER [aarch64 riscv64 s390x]
# The environment gives JOBS, and TESTS, a regular expression of test names.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
[ $# -gt 0 ] || set -- aarch64 riscv64 s390x
JOBS=${JOBS:-2} TESTS=${TESTS:-(api|unit)/}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# The source of CMocka, as the system packages it: its package is for this machine's processor.
fetch_cmocka() {
    [ ! -d "$folder/cmocka" ] || return 0
    rm -rf "$folder/cmocka.part"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/sources.d" "$folder/cmocka.part"
    for list in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$folder/apt/sources.d/${list##*/}"
    done
    [ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$folder/apt/sources.d/a.list"
    set -- -qq -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$folder/apt/sources.d" \
        -o "Dir::State::Lists=$folder/apt/lists" -o "APT::Sandbox::User=$(id -un)"
    apt-get "$@" update
    (cd "$folder/apt" && apt-get "$@" source --download-only cmocka)
    rm -f "$folder"/apt/*.asc
    tar -xf "$folder"/apt/cmocka_*.orig.tar.* -C "$folder/cmocka.part" --strip-components=1
    mv "$folder/cmocka.part" "$folder/cmocka"
}

# build PROCESSOR: leaves a folder that ctest can run in.
build() {
    tools=$1-linux-gnu here=$folder/$1
    system="--log-level=WARNING --no-warn-unused-cli -DCMAKE_BUILD_TYPE=Release
            -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=$1
            -DCMAKE_C_COMPILER=$tools-gcc -DCMAKE_CXX_COMPILER=$tools-g++ -DCMAKE_FIND_ROOT_PATH=/usr/$tools;$here/cmocka
            -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY
            -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY"
    if [ ! -f "$here/cmocka/lib/pkgconfig/cmocka.pc" ]; then
        # shellcheck disable=SC2086
        cmake -S "$folder/cmocka" -B "$here/cmocka-build" $system -DWITH_EXAMPLES=OFF \
            -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -DCMAKE_INSTALL_PREFIX="$here/cmocka" -DCMAKE_INSTALL_LIBDIR=lib >/dev/null
        cmake --build "$here/cmocka-build" --parallel "$JOBS" --target install >/dev/null
    fi
    # shellcheck disable=SC2086
    PKG_CONFIG_LIBDIR="$here/cmocka/lib/pkgconfig" cmake -S . -B "$here/build" $system -DZCNET_TESTS=ON -DZCNET_MAN=OFF \
        -DZCNET_USDT=OFF -DZCNET_WARNINGS=ON "-DZCNET_TEST_PREFIX=$1/" \
        "-DZCNET_TEST_LAUNCHER=env;ZCNET_TEST_EMULATED=1;qemu-$1-static;-L;/usr/$tools" >/dev/null
    targets=$(cmake --build "$here/build" --target help | sed -n 's/^\.\.\. \(\(api\|unit\)_[a-z0-9_]*\)$/\1/p')
    # shellcheck disable=SC2086
    cmake --build "$here/build" --parallel "$JOBS" --target $targets >"$here/log" 2>&1 || {
        cat "$here/log"
        return 1
    }
}

fetch_cmocka
failed=0
for processor; do
    echo "== $processor"
    build "$processor" || exit 1
    ctest --test-dir "$folder/$processor/build" --parallel "$JOBS" --output-on-failure --no-label-summary \
        -L '^programs$' -R "$TESTS" || failed=1
done
exit "$failed"
