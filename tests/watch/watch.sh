#!/bin/sh
# SPDX-License-Identifier: MIT
# Memory that may not be used any more is reported when it is used, and nothing is reported otherwise.
#   watch.sh valgrind|sanitizer|pages PROGRAM
set -u
how=$1 program=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

run() {
    case $how in
        valgrind) valgrind --quiet --error-exitcode=99 "$program" "$1" ;;
        sanitizer) ASAN_OPTIONS=exitcode=99:detect_leaks=0 "$program" "$1" ;;
        pages) ZCNET_DEBUG=poison "$program" "$1" ;;
    esac >"$work/printed" 2>&1
    status=$?
}

fail() {
    echo "$how, $1: $2 (status $status)"
    cat "$work/printed"
    exit 1
}

if [ "$how" = valgrind ] && ! command -v valgrind >/dev/null; then
    echo "valgrind is not installed"
    exit 77
fi
run nothing
[ $status -eq 0 ] && grep -q '^went through$' "$work/printed" || fail nothing "a program within the rules did not get through"
for wrong in released batch borrowed; do
    run "$wrong"
    case $how in
        valgrind)
            [ $status -eq 99 ] || fail "$wrong" "not found"
            grep -q 'Invalid read of size 1' "$work/printed" || fail "$wrong" "another fault was found"
            grep -q 'read_all' "$work/printed" || fail "$wrong" "found elsewhere"
            ;;
        sanitizer)
            [ $status -eq 99 ] || fail "$wrong" "not found"
            grep -q 'use-after-poison' "$work/printed" || fail "$wrong" "another fault was found"
            grep -q 'read_all' "$work/printed" || fail "$wrong" "found elsewhere"
            ;;
        # 139: a shell's word for SIGSEGV.
        pages) [ $status -eq 139 ] || fail "$wrong" "it did not fault" ;;
    esac
done
