#!/bin/sh
# SPDX-License-Identifier: MIT
# Two builds of one state of the sources, in folders of other names, at other times, in another language and time zone
# and with another number of jobs, one from a copy of the sources and one from the source archive, which has no history:
# what they install is the same, byte for byte.
#   reproducible.sh SOURCE VERSION
. "$(dirname "$0")/common.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD DESTDIR
CCACHE_DISABLE=1 # its answer would be the first build
export CCACHE_DISABLE

copy() {
    mkdir -p "$1"
    (cd "$source" && tar -cf - --exclude='./build*' --exclude=./.git .) | tar -xf - -C "$1"
}
# build FOLDER STAGE JOBS
build() {
    mkdir -p "$2"
    make -C "$1" install PREFIX=/opt/package LIBDIR=/opt/package/lib/odd DESTDIR="$2" JOBS="$3"
}
# What is there, with rights and without times, and a sum of each file.
listing() { (cd "$1" && find . -printf '%M %p %l\n' | sort && find . -type f -exec sha256sum {} + | sort -k 2); }

source=$(cd "$1" && pwd)
one=$work/one two=$work/another/and-a-longer/folder/zcnet-$2
step "a copy" copy "$one"
# An archive of the copy: a repository would leave out what it does not track yet.
step "make dist" make -C "$one" dist BUILD="$work/dist"
mkdir -p "$(dirname "$two")"
step "the archive unpacks" tar -xf "$work/dist/zcnet-$2.tar.xz" -C "$(dirname "$two")"
step "make dist of what was unpacked" make -C "$two" dist BUILD="$work/dist-again"
step "both archives are the same" cmp "$work/dist/zcnet-$2.tar.xz" "$work/dist-again/zcnet-$2.tar.xz"
# A repository that git does not read is no folder to guess from.
refused() { mkdir "$two/.git" && ! "$two/scripts/dist.sh" "$work/dist-guessed"; }
step "make dist refuses a repository that git does not read" refused
same "and makes no archive" "" "$(ls "$work/dist-guessed")"
rmdir "$two/.git"
[ $faults -eq 0 ] || finish
first() { (TZ=UTC && LC_ALL=C && export TZ LC_ALL && build "$one" "$work/stage1" 1); }
second() { (TZ=Asia/Tokyo && LC_ALL=C.UTF-8 && export TZ LC_ALL && build "$two" "$work/stage2" 2); }
step "the first builds and installs" first
step "the second builds and installs" second
[ $faults -eq 0 ] || finish

same "the library is where LIBDIR says" libzcnet.so.0 \
    "$(readelf -dW "$work/stage1/opt/package/lib/odd/libzcnet.so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')"
same "the CMake package knows the prefix, though LIBDIR was told whole" /opt/package \
    "$(sed -n 's/^set(_IMPORT_PREFIX "\(.*\)")$/\1/p' "$work/stage1/opt/package/lib/odd/cmake/zcnet/zcnet-shared.cmake")"
same "no file names the folder that it was built in" "" "$(grep -rlF -e "$work" "$work/stage1" "$work/stage2")"
listing "$work/stage1/opt" >"$work/first"
listing "$work/stage2/opt" >"$work/second"
same "both installed the same bytes" "" "$(diff "$work/first" "$work/second")"
finish
