#!/bin/sh
# SPDX-License-Identifier: MIT
# The ways to link the Go package: to the installed shared library, to its archive, into a program without any shared
# object, and with the library's sources built along. Each is a module of somebody else's that uses the package.
#   links.sh SOURCE BUILD LIBDIR
. "$(dirname "$0")/common.sh"
prefix=$work/prefix
step "install" cmake --install "$build" --prefix "$prefix" || finish
PKG_CONFIG_PATH=$prefix/$3/pkgconfig LD_LIBRARY_PATH=$prefix/$3
export PKG_CONFIG_PATH LD_LIBRARY_PATH

mkdir "$work/app"
cp "$source/tests/go/linked.go" "$work/app/main.go"
cat >"$work/app/go.mod" <<END
module example.org/app

go 1.24

require github.com/libzcnet/libzcnet/bindings/go v0.0.0

replace github.com/libzcnet/libzcnet/bindings/go => $work/module
END
# What is in the module's archive, and no more: files of this folder that are not ignored.
mkdir "$work/module"
cp -R "$package/." "$work/module"
rm -f "$work"/module/zcnet_vendored.*
cd "$work/app" || exit 1

needed() { readelf -dW "$work/program" | grep -c 'NEEDED.*zcnet'; }
# try NAME MODE SHARED_LIBRARIES OPTION…: builds, runs, and looks at what the program needs.
try() {
    name=$1 mode=$2 shared=$3
    shift 3
    rm -f "$work/program"
    step "$name builds" go build -o "$work/program" "$@" . || return
    step "$name runs" timeout 60 "$work/program" "$mode"
    if [ "$(needed)" != "$shared" ]; then
        echo "FAILED  $name: $(needed) NEEDED entries of libzcnet, not $shared"
        faults=$((faults + 1))
    fi
}
try "dynamic" dynamic 1
try "static" static 0 -tags zcnet_static
try "fully static" static 0 -tags zcnet_static,netgo,osusergo -ldflags '-linkmode external -extldflags "-static"'
if readelf -lW "$work/program" | grep -q INTERP; then
    echo "FAILED  the fully static program wants an interpreter"
    faults=$((faults + 1))
fi
# With nothing installed.
PKG_CONFIG_PATH=$work/nothing LD_LIBRARY_PATH=
PKG_CONFIG_LIBDIR=$work/nothing
export PKG_CONFIG_LIBDIR
refused() {
    ! go build -o "$work/refused" -tags zcnet_vendored . 2>"$work/why" || return
    grep -q 'scripts/amalgamate.sh' "$work/why" || { cat "$work/why"; return 1; }
}
step "vendored without its sources says what to do" refused
step "the sources in a few files" "$source/scripts/amalgamate.sh" "$work/module"
mkdir "$work/again"
step "the same again" "$source/scripts/amalgamate.sh" "$work/again"
for file in "$work"/again/*; do
    step "and the same bytes of ${file##*/}" cmp "$file" "$work/module/${file##*/}"
done
try "vendored" vendored 0 -tags zcnet_vendored
finish
