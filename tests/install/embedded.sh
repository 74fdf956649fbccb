#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as a folder of another project: one kind of it, none of its own flags, tests, pages or tool; then that one
# kind installed with another LIBDIR, in a project that compiles its files in heaps. For a project in C and for one in both languages, and for either kind.
#   embedded.sh SOURCE
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
step "configures" cmake -S "$here/embed" -B "$work/build" -DZCNET_SOURCE="$1" -DCMAKE_INSTALL_LIBDIR=lib/elsewhere \
    -DCMAKE_UNITY_BUILD=ON
step "builds" cmake --build "$work/build" --parallel 2
step "runs" limited "$work/build/consumer"
step "installs" cmake --install "$work/build" --prefix "$work/prefix"
same "one kind is installed" "libzcnet-static.pc libzcnet.a libzcnet.pc" \
    "$(cd "$work/prefix/lib/elsewhere" && find . -name 'libzcnet*' | sed 's|.*/||' | sort | tr '\n' ' ' | sed 's/ $//')"
# By its own name, and by the one that a build for either kind asks for.
for name in libzcnet-static libzcnet; do
    step "$name.pc leads to it" ${CC:-cc} "$here/consumer.c" \
        $(PKG_CONFIG_PATH=$work/prefix/lib/elsewhere/pkgconfig pkg-config --cflags --libs $name) -o "$work/program"
    step "the program of $name.pc runs" limited "$work/program"
done

step "shared, in C and C++: configures" cmake -S "$here/embed" -B "$work/shared" -DZCNET_SOURCE="$1" -DKIND=shared
step "shared, in C and C++: builds" cmake --build "$work/shared" --parallel 2
step "shared, in C and C++: runs" limited "$work/shared/consumer"
same "shared, in C and C++: it is the shared library that runs" libzcnet.so.0 \
    "$(readelf -dW "$work/shared/consumer" | sed -n 's/.*NEEDED.*\[\(libzcnet.*\)\]/\1/p')"
finish
