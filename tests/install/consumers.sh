#!/bin/sh
# SPDX-License-Identifier: MIT
# The library in an empty prefix, as programs find it: by pkg-config, CMake and Meson, dynamic and static, in C, in C++
# and in both. Each program is run.
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
for standard in 17 20; do
    try "the C++ headers, C++$standard" $cxx -std=c++$standard $strict "$here/consumer.cpp" $flags
done
try "the C++ headers, the archive" $cxx -std=c++17 $strict "$here/consumer.cpp" $static

# A prefix with a blank in its name, told as a path of the present folder.
spaced() { (cd "$work" && cmake --install "$build" --prefix "a prefix"); }
step "install into a prefix with a blank" spaced
blank=$(PKG_CONFIG_PATH="$work/a prefix/$libdir/pkgconfig" pkg-config --cflags --libs libzcnet)
compile_there() { eval "$cc $strict \"$here/consumer.c\" $blank -o \"$work/program\""; }
step "C, a prefix with a blank, compiles" compile_there
step "C, a prefix with a blank, runs" env LD_LIBRARY_PATH="$work/a prefix/$libdir" timeout 60 "$work/program"

# The build tree, without an install.
for name in libzcnet libzcnet-static; do
    here_flags=$(PKG_CONFIG_PATH=$build/pkgconfig pkg-config --cflags --libs $name)
    step "the build tree's $name compiles" $cxx -std=c++17 $strict "$here/consumer.cpp" $here_flags -o "$work/program"
    step "the build tree's $name runs" env LD_LIBRARY_PATH="$build" timeout 60 "$work/program"
done

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
    cmake_project "CMake, C and C++, $kind" "$here/package_cxx" -DCOMPONENT=$kind
    step "CMake, C and C++, $kind runs" limited "$work/cmake/consumer"
    step "CMake, the C++ headers, $kind runs" limited "$work/cmake/consumer_cpp"
done
same "what CMake linked last is the archive" "" "$(readelf -dW "$work/cmake/consumer" | grep NEEDED | grep zcnet)"

if command -v meson >/dev/null; then
    for file in libzcnet libzcnet-static; do
        step "Meson, $file configures" meson setup -Dlibrary=$file "$work/meson" "$here/meson"
        step "Meson, $file builds" meson compile -C "$work/meson"
        for language in c cpp; do
            step "Meson, $file, $language runs" limited "$work/meson/consumer_$language"
        done
        rm -rf "$work/meson"
    done
else
    unable "Meson: it is not installed"
fi
refused() { ! cmake -S "$here/package" -B "$work/refused" -DCMAKE_PREFIX_PATH="$prefix" "$@"; }
step "CMake refuses a version to come" refused -DCOMPONENT=shared -DWANTED_VERSION=0.9
rm "$prefix/$libdir/cmake/zcnet/zcnet-static.cmake"
step "CMake refuses a component that is not installed" refused -DCOMPONENT=static
finish
