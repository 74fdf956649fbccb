#!/bin/sh
# SPDX-License-Identifier: MIT
# Files of 1 GiB, and of more than 4, by every method over TCP and a Unix socket: every byte is compared.
#   run.sh BUILD [SIZE…]        SIZE: bytes, with K, M or G; a size of 4G and more is a sparse file with a few marks
# Needs twice the largest size in $TMPDIR (/tmp), and some minutes.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd) || exit 1
shift
[ $# -gt 0 ] || set -- 1G 5G
work=$(mktemp -d "${TMPDIR:-/tmp}/zcnet-large.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export PKG_CONFIG_PATH="$build/pkgconfig" LD_LIBRARY_PATH="$build"

fail() {
    echo "FAILED: $*"
    exit 1
}

# shellcheck disable=SC2046 # words
${CC:-cc} -O1 -Wall -Wextra "$here/through.c" $(pkg-config --cflags --libs libzcnet) -o "$work/through" || exit 1
for size; do
    case $size in
        [4-9]G | [1-9][0-9]*G)
            truncate -s "$size" "$work/file" || exit 1
            bytes=$(stat -c %s "$work/file")
            for at in 0 4294967289 4294967296 $((bytes - 9)); do
                printf 'mark %s' "$at" | head -c 9 | dd of="$work/file" bs=1 seek="$at" conv=notrunc status=none || exit 1
            done
            ;;
        *) head -c "$size" /dev/urandom >"$work/file" || exit 1 ;;
    esac
    sum=$(sha256sum <"$work/file")
    for transport in tcp unix; do
        # Each method sends the whole as one message, first with all bytes compared.
        "$build/zcnet" files "$work/file" --transport $transport --cache warm --sizes "$size" --total "$size" --rounds 1 \
            >"$work/said" || { cat "$work/said"; fail "$size by every method over $transport"; }
        cat "$work/said"
        for method in auto sendfile mmap splice copy direct; do
            grep -q "^  $method " "$work/said" || fail "$size by $method over $transport"
        done
        "$work/through" $transport "$work/file" "$work/copy" || fail "$size into a file over $transport"
        [ "$(sha256sum <"$work/copy")" = "$sum" ] || fail "$size into a file over $transport: other bytes"
        rm -f "$work/copy"
        echo "$size from file to file over $transport: the same bytes"
    done
    rm -f "$work/file"
done
echo 'large: everything arrived as it was'
