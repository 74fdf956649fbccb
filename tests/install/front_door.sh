#!/bin/sh
# SPDX-License-Identifier: MIT
# make install and make uninstall: what lands where, under DESTDIR and under a prefix, and that nothing stays.
#   front_door.sh SOURCE BUILD LIBDIR VERSION
. "$(dirname "$0")/common.sh"
source=$1 build=$2 libdir=$3 version=$4
front() { make -C "$source" BUILD="$build" JOBS=1 "$@"; }
files() { (cd "$1" && find . ! -type d | sed 's|^\./||' | sort); }

expected=$(
    {
        echo bin/zcnet
        (cd "$source/include" && find zcnet -name '*.h') | sed 's|^|include/|'
        (cd "$source/bindings/cpp/include" && find zcnet -name '*.hpp') | sed 's|^|include/|'
        for name in libzcnet.a libzcnet.so libzcnet.so.0 "libzcnet.so.$version" pkgconfig/libzcnet.pc \
            pkgconfig/libzcnet-static.pc cmake/zcnet/zcnet-config.cmake cmake/zcnet/zcnet-config-version.cmake \
            cmake/zcnet/zcnet-shared.cmake cmake/zcnet/zcnet-static.cmake; do
            echo "$libdir/$name"
        done
        if grep -q '^ZCNET_HAS_SDT:INTERNAL=1' "$build/CMakeCache.txt"; then
            (cd "$source/tracing" && ls) | sed 's|^|share/zcnet/|'
        fi
        echo share/man/man1/zcnet.1
        echo share/man/man7/zcnet.7
        (cd "$build/man" && find man3 -type f) | sed 's|^|share/man/|'
    } | sort
)

step "install into a staging folder" front install PREFIX=/opt/package DESTDIR="$work/stage"
# Beside these CMake writes one file a kind that has the build type in its name.
same "what is staged" "$expected" "$(files "$work/stage/opt/package" | grep -Ev 'zcnet-(shared|static)-[a-z]+\.cmake$')"
same "nothing beside the prefix" opt "$(ls "$work/stage")"
same "the staged .pc names the prefix without the stage" prefix=/opt/package \
    "$(grep ^prefix= "$work/stage/opt/package/$libdir/pkgconfig/libzcnet.pc")"

# The same by names that depend on the present folder, which for make is that of the sources.
away=$(realpath --relative-to="$source" "$work/away")
step "install into a relative staging folder" front install PREFIX=/opt/package DESTDIR="$away"
same "the relative stage has the same files" "$(files "$work/stage")" "$(files "$work/away")"
step "uninstall from the relative staging folder" front uninstall PREFIX=/opt/package DESTDIR="$away"
same "the relative stage is empty" "" "$(files "$work/away")"
step "install into a relative prefix" front install PREFIX="$away"
same "its .pc names the whole prefix" "prefix=$work/away" "$(grep ^prefix= "$work/away/$libdir/pkgconfig/libzcnet.pc")"
step "uninstall from the relative prefix" front uninstall PREFIX="$away"
same "the relative prefix is empty" "" "$(files "$work/away")"

step "install into a prefix" front install PREFIX="$work/prefix"
same "the two are the same files" "$(files "$work/stage/opt/package")" "$(files "$work/prefix")"
if readelf -dW "$work/prefix/bin/zcnet" | grep -Eq 'RPATH|RUNPATH'; then
    same "the installed tool has no run path" no yes
fi
step "the installed tool runs" env LD_LIBRARY_PATH="$work/prefix/$libdir" "$work/prefix/bin/zcnet" --version

same "a function has its page" ".so man3/zcn_msg.3" "$(cat "$work/prefix/share/man/man3/zcn_msg_retain.3")"

echo mine >"$work/prefix/include/mine.h"
step "uninstall from the prefix" front uninstall PREFIX="$work/prefix"
same "only what was not ours stays" include/mine.h "$(files "$work/prefix")"
step "uninstall from the staging folder" front uninstall PREFIX=/opt/package DESTDIR="$work/stage"
same "the staging folder is empty" "" "$(files "$work/stage")"
same "our folders are gone" "" "$(find "$work/stage" "$work/prefix" -name zcnet)"
finish
