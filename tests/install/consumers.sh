#!/bin/sh
# SPDX-License-Identifier: MIT
# The library in an empty prefix, as programs find it: pkg-config and CMake, dynamic and static, C and C++. Each
# program is run.
#   consumers.sh BUILD LIBDIR
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
build=$1 libdir=$2
prefix=$work/prefix
PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
LD_LIBRARY_PATH=$prefix/$libdir
export PKG_CONFIG_PATH LD_LIBRARY_PATH
cc=${CC:-cc} cxx=${CXX:-c++}
strict='-Wall -Wextra -pedantic -Werror'

step "install" cmake --install "$build" --prefix "$prefix"
[ $faults -eq 0 ] || finish

# try NAME COMPILE…: compiles to $work/program and runs it.
try() {
    program=$1
    shift
    rm -f "$work/program"
    step "$program compiles" "$@" -o "$work/program"
    step "$program runs" limited "$work/program"
}
flags=$(pkg-config --cflags --libs libzcnet)
static=$(pkg-config --cflags --libs libzcnet-static)
same "pkg-config's flags are the library alone" "-I$prefix/include -L$prefix/$libdir -lzcnet" "$(echo $flags)"
try "C, dynamic" $cc -std=c99 $strict "$here/consumer.c" $flags
try "C++, dynamic" $cxx -std=c++11 $strict -x c++ "$here/consumer.c" $flags
try "C, the archive" $cc -std=c99 $strict "$here/consumer.c" $static
same "the archive's program needs no libzcnet.so" "" "$(readelf -dW "$work/program" | grep NEEDED | grep zcnet)"
try "C++, the archive" $cxx -std=c++20 $strict -x c++ "$here/consumer.c" -x none $static

# cmake_project NAME SOURCE OPTION…
cmake_project() {
    project=$1 source=$2
    shift 2
    rm -rf "$work/cmake"
    step "$project configures" cmake -S "$source" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" "$@"
    step "$project builds" cmake --build "$work/cmake"
}
for kind in shared static; do
    cmake_project "CMake, C alone, $kind" "$here/package" -DCOMPONENT=$kind -DWANTED_VERSION=0.1
    step "CMake, C alone, $kind runs" limited "$work/cmake/consumer"
    step "CMake, C alone, $kind as zcnet::zcnet runs" limited "$work/cmake/consumer_of_either"
done
refused() { ! cmake -S "$here/package" -B "$work/refused" -DCMAKE_PREFIX_PATH="$prefix" "$@"; }
step "CMake refuses a version to come" refused -DCOMPONENT=shared -DWANTED_VERSION=0.9
rm "$prefix/$libdir/cmake/zcnet/zcnet-static.cmake"
step "CMake refuses a component that is not installed" refused -DCOMPONENT=static
finish
