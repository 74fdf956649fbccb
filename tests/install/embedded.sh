#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as a folder of another project: one kind of it, none of its own flags, tests or tool; then that one kind
# installed with another LIBDIR.
#   embedded.sh SOURCE
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
step "configures" cmake -S "$here/embed" -B "$work/build" -DZCNET_SOURCE="$1" -DCMAKE_INSTALL_LIBDIR=lib/elsewhere
step "builds" cmake --build "$work/build"
step "runs" limited "$work/build/consumer"
step "installs" cmake --install "$work/build" --prefix "$work/prefix"
same "one kind is installed" "libzcnet-static.pc libzcnet.a" \
    "$(cd "$work/prefix/lib/elsewhere" && find . -name 'libzcnet*' | sed 's|.*/||' | sort | tr '\n' ' ' | sed 's/ $//')"
step "its .pc leads to it" ${CC:-cc} "$here/consumer.c" \
    $(PKG_CONFIG_PATH=$work/prefix/lib/elsewhere/pkgconfig pkg-config --cflags --libs libzcnet-static) -o "$work/program"
step "its program runs" limited "$work/program"
finish
