#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds and runs stages of the tests, and ends with the line "N passed, N failed, N skipped".
#   scripts/test.sh check|check-valgrind|check-asan|check-tsan|check-model|check-random …
# The environment gives BUILD, JOBS, and TESTS, a regular expression of test names.
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build} JOBS=${JOBS:-2} TESTS=${TESTS:-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
# Tests that run make are not part of this one's job pool.
unset MAKEFLAGS MFLAGS MAKELEVEL

passed=0 failed=0 skipped=0
report() { echo "$*" >>"$work/report"; }

# build FOLDER OPTION…
build() {
    folder=$1
    shift
    echo "== building in $folder"
    cmake -S . -B "$folder" -DZCNET_TESTS=ON -DZCNET_WARNINGS=ON --log-level=WARNING "$@" >/dev/null &&
        cmake --build "$folder" --parallel "$JOBS" >"$work/build" 2>&1 && return
    cat "$work/build"
    failed=$((failed + 1))
    report "failed: $folder does not build"
    return 1
}

# run STAGE FOLDER OPTION…
run() {
    echo "== $1"
    folder=$2
    shift 2
    ctest --test-dir "$folder" --parallel "$JOBS" --output-on-failure --no-label-summary ${TESTS:+-R "$TESTS"} "$@" |
        tee "$work/printed"
    # With a choice of names, a stage may have none of them.
    [ -z "$TESTS" ] || ! grep -q '^No tests were found' "$work/printed" || return
    log=$folder/Testing/Temporary/LastTest.log
    [ -f "$log" ] || log=/dev/null
    awk -f scripts/count.awk "$work/printed" "$log" >"$work/counts"
    read -r more_passed more_failed more_skipped <"$work/counts"
    passed=$((passed + more_passed)) failed=$((failed + more_failed)) skipped=$((skipped + more_skipped))
    sed 1d "$work/counts" >>"$work/report"
}

# launcher SANITIZER: prints the command that programs of this sanitizer have to be started with, which is none on
# most machines. Fails where they cannot run at all.
launcher() {
    echo 'int main() { return 0; }' | "${CXX:-c++}" "-fsanitize=$1" -x c++ - -o "$work/probe" || return
    "$work/probe" && return
    # The sanitizers' address ranges do not fit every degree of address randomisation.
    setarch -R "$work/probe" && echo "setarch -R"
}

# sanitized STAGE NAME SANITIZER -L|-LE: the random work alone, or all the rest.
sanitized() {
    folder=$BUILD-$2
    if ! words=$(launcher "$3" 2>"$work/why"); then
        skipped=$((skipped + 1))
        report "skipped $1: programs built with -fsanitize=$3 do not run here: $(tail -n 1 "$work/why")"
        return
    fi
    build "$folder" -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O1 -g" "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g" \
        "-DZCNET_SANITIZE=$3" "-DZCNET_TEST_PREFIX=$2/" "-DZCNET_TEST_LAUNCHER=$(echo "$words" | tr ' ' ';')" &&
        run "$1" "$folder" "$4" "^random$"
}

for stage; do
    case $stage in
        check) build "$BUILD" && run check "$BUILD" -LE "^(valgrind|model|random)$" ;;
        check-valgrind) build "$BUILD" && run check-valgrind "$BUILD" -L valgrind ;;
        check-model) build "$BUILD" && run check-model "$BUILD" -L "^model$" ;;
        check-asan) sanitized check-asan asan address,undefined -LE ;;
        check-tsan) sanitized check-tsan tsan thread -LE ;;
        check-random)
            build "$BUILD" && run check-random "$BUILD" -L "^random$"
            sanitized check-random-asan asan address,undefined -L
            sanitized check-random-tsan tsan thread -L
            ;;
        *)
            echo "test: there is no stage '$stage'" >&2
            exit 2
            ;;
    esac
done

echo
[ ! -f "$work/report" ] || cat "$work/report"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
